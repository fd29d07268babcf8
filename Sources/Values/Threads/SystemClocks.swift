#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The clock that never goes back, from some fixed point.
package enum MonotonicClock {
    /// Nanoseconds.
    package static var now: Int64 { nanoseconds(CLOCK_MONOTONIC) }
    /// Milliseconds.
    package static var nowMs: Int64 { now / 1_000_000 }
}

/// The clock on the wall, which somebody may set.
package enum WallClock {
    /// Milliseconds since 1970.
    package static var nowMs: Int64 { nanoseconds(CLOCK_REALTIME) / 1_000_000 }
}

private func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
