import CThread
import Values

/// What a thread of the runtime knows of itself: the job it runs, and the pool worker it is.
struct ThreadSlot {
    /// Borrowed: the thread that runs a job holds it.
    var current: Unmanaged<Job>?
    var worker: Unmanaged<Worker>?
    /// The worker's own part and its scheduler, as bare words: a wake-up on the same thread counts no references.
    var owned: UnsafeMutablePointer<Worker.Owned>?
    var home: UnsafeMutableRawPointer?

    /// This thread's slot, made at first use. A pool thread frees it when it ends.
    @inline(__always) static var pointer: UnsafeMutablePointer<ThreadSlot> {
        if let slot = sluice_thread().pointee.worker { return slot.assumingMemoryBound(to: ThreadSlot.self) }
        return make()
    }

    @inline(__always) static var current: Job? {
        sluice_thread().pointee.worker?.assumingMemoryBound(to: ThreadSlot.self).pointee.current?.takeUnretainedValue()
    }

    @inline(__always) static var worker: Worker? {
        sluice_thread().pointee.worker?.assumingMemoryBound(to: ThreadSlot.self).pointee.worker?.takeUnretainedValue()
    }

    /// This thread is `worker` of `scheduler` from here on.
    static func enter(_ worker: Worker, _ scheduler: ThreadedScheduler) {
        pointer.pointee.worker = Unmanaged.passUnretained(worker)
        pointer.pointee.owned = worker.owned
        pointer.pointee.home = Unmanaged.passUnretained(scheduler).toOpaque()
    }

    static func leave() {
        pointer.pointee.worker = nil
        pointer.pointee.owned = nil
        pointer.pointee.home = nil
    }

    @inline(never) private static func make() -> UnsafeMutablePointer<ThreadSlot> {
        let slot = UnsafeMutablePointer<ThreadSlot>.allocate(capacity: 1)
        slot.initialize(to: ThreadSlot())
        sluice_thread().pointee.worker = UnsafeMutableRawPointer(slot)
        return slot
    }

    /// Frees this thread's slot; it must run nothing.
    static func free() {
        guard let slot = sluice_thread().pointee.worker else { return }
        sluice_thread().pointee.worker = nil
        slot.deallocate()
    }
}
