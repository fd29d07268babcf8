import CThread

/// Frees nested data without recursion (N5).
///
/// Releasing the last reference to a value releases what it holds, and so on down: a chain of a million cells would need a
/// million native frames. A container's `deinit` hands its values here instead; up to `depthLimit` levels are released
/// directly, deeper ones are put aside and drained by the outermost release on the same thread.
public enum Release {
    /// Native frames a release may nest; each costs under 200 bytes of stack.
    @usableFromInline static let depthLimit: Int32 = 64

    /// Takes over `count` initialised values at `values`, deinitialises them and frees the memory.
    public static func buffer(_ values: UnsafeMutablePointer<Value>, count: Int) {
        let thread = sluice_thread()!
        guard thread.pointee.release_depth < depthLimit else {
            Pending.on(thread).entries.append((values, count))
            return
        }
        thread.pointee.release_depth += 1
        values.deinitialize(count: count)
        values.deallocate()
        thread.pointee.release_depth -= 1
        drainIfOutermost(thread)
    }

    /// Deinitialises `count` values whose memory belongs to the object that is being freed: beyond the depth limit they are
    /// moved out and put aside.
    @usableFromInline package static func contents(of values: UnsafeMutablePointer<Value>, count: Int) {
        var first = 0
        while first < count, !Value.holdsObject(values + first) { first &+= 1 }
        if first < count { objects(values + first, count: count - first) }
    }

    @inline(never) private static func objects(_ values: UnsafeMutablePointer<Value>, count: Int) {
        let thread = sluice_thread()!
        guard thread.pointee.release_depth < depthLimit else {
            let moved = UnsafeMutablePointer<Value>.allocate(capacity: count)
            moved.moveInitialize(from: values, count: count)
            Pending.on(thread).entries.append((moved, count))
            return
        }
        thread.pointee.release_depth += 1
        releaseEach(values, count)
        thread.pointee.release_depth -= 1
        drainIfOutermost(thread)
    }

    /// What `deinitialize` comes to, without asking each value's type how it is destroyed. Never inlined, so that no release is
    /// moved past what `objects` counts.
    @inline(never) private static func releaseEach(_ values: UnsafeMutablePointer<Value>, _ count: Int) {
        var index = 0
        while index < count {
            if Value.holdsObject(values + index) {
                // A class payload is the first word of a value.
                let word = UnsafeRawPointer(values + index).load(as: UnsafeRawPointer.self)
                Unmanaged<AnyObject>.fromOpaque(word).release()
            }
            index &+= 1
        }
    }

    /// Takes a value out of `slot` and releases it within the depth limit.
    @inline(__always) public static func field(_ slot: inout Value) {
        switch slot {
        case .nil, .bool, .int, .double, .char, .keyword, .symbol, .shortText: return
        default: object(&slot)
        }
    }

    @inline(never) static func object(_ slot: inout Value) {
        let thread = sluice_thread()!
        guard thread.pointee.release_depth < depthLimit else {
            let moved = UnsafeMutablePointer<Value>.allocate(capacity: 1)
            swap(&slot, &moved.initializedToNil().pointee)
            Pending.on(thread).entries.append((moved, 1))
            return
        }
        // Destroyed through `destroy`: an optimised build moves the release of a value that is overwritten past the decrement
        // below, so that the depth never grows, the limit is never met, and a long chain overflows the stack.
        var taken = Value.nil
        swap(&slot, &taken)
        thread.pointee.release_depth += 1
        withUnsafeMutablePointer(to: &taken) {
            destroy($0, count: Int(thread.pointee.release_depth.signum()))
            $0.initialize(to: .nil)
        }
        thread.pointee.release_depth -= 1
        drainIfOutermost(thread)
    }

    /// `count` is not known when this is compiled (it is 1), so that what is called is the runtime, which nothing is moved past.
    @inline(never) private static func destroy(_ values: UnsafeMutablePointer<Value>, count: Int) {
        values.deinitialize(count: count)
    }

    @inline(__always) private static func drainIfOutermost(_ thread: UnsafeMutablePointer<sluice_thread_state>) {
        if thread.pointee.release_depth == 0, thread.pointee.pending != nil, thread.pointee.draining == 0 {
            drain(thread)
        }
    }

    @inline(never) private static func drain(_ thread: UnsafeMutablePointer<sluice_thread_state>) {
        thread.pointee.draining = 1
        let pending = Pending.on(thread)
        while let (values, count) = pending.entries.popLast() {
            thread.pointee.release_depth += 1
            values.deinitialize(count: count)
            values.deallocate()
            thread.pointee.release_depth -= 1
        }
        // Freed, not kept: a thread that ends would leak it.
        Unmanaged<Pending>.fromOpaque(thread.pointee.pending).release()
        thread.pointee.pending = nil
        thread.pointee.draining = 0
    }

    /// The releases put aside on one thread.
    private final class Pending {
        var entries: [(UnsafeMutablePointer<Value>, Int)] = []

        static func on(_ thread: UnsafeMutablePointer<sluice_thread_state>) -> Pending {
            if let pointer = thread.pointee.pending {
                return Unmanaged<Pending>.fromOpaque(pointer).takeUnretainedValue()
            }
            let made = Pending()
            thread.pointee.pending = Unmanaged.passRetained(made).toOpaque()
            return made
        }
    }
}

extension UnsafeMutablePointer<Value> {
    fileprivate func initializedToNil() -> Self {
        initialize(to: .nil)
        return self
    }
}
