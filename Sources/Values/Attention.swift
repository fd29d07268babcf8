import CThread

/// What runs on a thread and can be asked, from another one, to look up: a fiber, or an evaluation.
open class Interruptible: @unchecked Sendable {
    // Sendable: it holds nothing; who inherits says why it is.
    public init() {}

    /// Whether somebody wants it to stop. On any thread.
    open var isAsked: Bool { false }

    /// Books what a native walk did, in steps, and asks whether the bytes that it holds uncharged are within the limit; throws
    /// once a budget has run out (N6).
    open func book(steps: Int, holding bytes: Int) throws(Fault) {}
}

/// How a native walk over very many elements notices that nobody wants it any more.
///
/// The machine looks up between slices, but a single operation may walk `(range)`, which never ends, or data that shares its
/// parts and is exponentially larger than it is stored. Such a walk looks up by itself now and then, and what it did counts
/// against the budgets. When it is asked to stop it throws `.force(pause)`, under the rule of every `.force`: the operation
/// has changed nothing yet and can be run again. The machine ends the slice there, and whoever asked is heard before the next.
public enum Attention {
    /// A sequence that nobody needs to realise: it stands for "look up".
    public static let pause = LazySeq(realized: .nil)

    /// Elements between two looks.
    public static let stride = 1 << 16

    /// Looks whenever a buffer that no value is charged for has grown by another megabyte.
    public struct Growth: Sendable {
        private var next = 1 << 20

        public init() {}

        @inline(__always) public mutating func reached(_ bytes: Int) throws(Fault) {
            if _slowPath(bytes >= next) { try look(bytes) }
        }

        private mutating func look(_ bytes: Int) throws(Fault) {
            next = bytes + (1 << 20)
            // Twice, because a buffer that grows is copied.
            try check(steps: 0, holding: bytes * 2)
        }
    }

    /// Says what runs on this thread from now on; gives what ran before, for `end`.
    @inline(__always) public static func begin(_ running: Interruptible) -> UnsafeMutableRawPointer? {
        let thread = sluice_thread()!
        defer { thread.pointee.running = Unmanaged.passUnretained(running).toOpaque() }
        return thread.pointee.running
    }

    @inline(__always) public static func end(_ outer: UnsafeMutableRawPointer?) {
        sluice_thread().pointee.running = outer
    }

    /// What runs on this thread, as it said itself.
    package static var running: Interruptible? {
        // Whoever called `begin` keeps it alive until `end`.
        sluice_thread().pointee.running.map { Unmanaged<Interruptible>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Counts one element of a walk; every `stride`th is a look.
    @inline(__always) public static func step() throws(Fault) {
        let thread = sluice_thread()!
        thread.pointee.walked += 1
        if _slowPath(thread.pointee.walked >= stride) { try lookAfterWalk() }
    }

    /// Counts work that was done and is worth so many steps, about, where nothing can be thrown: whoever looks next finds it.
    @inline(__always) static func charge(_ steps: Int) { sluice_thread().pointee.walked += Int64(steps) }

    /// Counts work that is worth so many steps, about; with 0 it looks if what was charged before makes one due.
    @inline(__always) public static func work(_ steps: Int) throws(Fault) {
        let thread = sluice_thread()!
        thread.pointee.walked += Int64(steps)
        if _slowPath(thread.pointee.walked >= stride) { try lookAfterWalk() }
    }

    @inline(never) private static func lookAfterWalk() throws(Fault) {
        let thread = sluice_thread()!
        let walked = thread.pointee.walked
        thread.pointee.walked = 0
        try check(steps: Int(walked))
    }

    /// Refuses a buffer of `count` elements that would not be within the memory budget, before it is allocated; filling it
    /// counts as work.
    ///
    /// - Parameter stride: bytes of an element.
    @inline(__always) public static func reserve(_ count: Int, of stride: Int = MemoryLayout<Value>.stride)
        throws(Fault)
    {
        // What is small is found by whoever looks next.
        if _slowPath(count > Attention.stride / stride) { try look(ahead: count, of: stride) }
    }

    @inline(never) private static func look(ahead count: Int, of stride: Int) throws(Fault) {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: stride)
        guard !overflow else { throw .exhausted(.memory) }
        try check(steps: count / 16, holding: bytes)
    }

    /// A look: throws when what runs on this thread has used up a budget, or is asked to look up.
    ///
    /// - Parameters:
    ///   - steps: what the walk did since its last look.
    ///   - bytes: what it holds that no value is charged for yet.
    @inline(never) public static func check(steps: Int = stride, holding bytes: Int = 0) throws(Fault) {
        guard let running else { return }
        try running.book(steps: steps, holding: bytes)
        if running.isAsked { throw .force(pause) }
    }
}
