import CThread

/// Counts the bytes that values occupy (N6).
///
/// Every class of this target charges its size when it is made and credits it when it is freed, on a per-thread counter;
/// the machine settles that counter into the running instance's account at each slice and refuses to go on past its limit.
/// An object freed on a thread that runs another instance is credited there: accounts are exact for a process with one
/// instance, and an instance's own allocations always count in full against its limit.
public enum Meter {
    @inline(__always) public static func charge(_ bytes: Int) {
        sluice_thread().pointee.allocated &+= Int64(bytes)
    }

    @inline(__always) public static func credit(_ bytes: Int) {
        sluice_thread().pointee.allocated &-= Int64(bytes)
    }

    /// Takes the net bytes counted on this thread since the last call.
    public static func settle() -> Int64 {
        let thread = sluice_thread()!
        defer { thread.pointee.allocated = 0 }
        return thread.pointee.allocated
    }

    /// The net bytes counted on this thread since the last `settle`.
    @inlinable @inline(__always) public static var unsettled: Int64 { sluice_thread().pointee.allocated }
}
