import CThread

/// What runs on a thread and can be asked, from another one, to look up: a fiber, or an evaluation.
open class Interruptible: @unchecked Sendable {
    // Sendable: it holds nothing; who inherits says why it is.
    public init() {}

    /// Whether somebody wants it to stop. On any thread.
    open var isAsked: Bool { false }
}

/// How a native walk over very many elements notices that nobody wants it any more.
///
/// The machine looks up between slices, but a single operation may walk `(range)`, which never ends. Such a walk looks up by
/// itself now and then. When it is asked to stop it throws `.force(pause)`, under the rule of every `.force`: the operation
/// has changed nothing yet and can be run again. The machine ends the slice there, and whoever asked is heard before the next.
public enum Attention {
    /// A sequence that nobody needs to realise: it stands for "look up".
    public static let pause = LazySeq(realized: .nil)

    /// Elements between two looks.
    public static let stride = 1 << 16

    /// Says what runs on this thread from now on; gives what ran before, for `end`.
    @inline(__always) public static func begin(_ running: Interruptible) -> UnsafeMutableRawPointer? {
        let thread = sluice_thread()!
        defer { thread.pointee.running = Unmanaged.passUnretained(running).toOpaque() }
        return thread.pointee.running
    }

    @inline(__always) public static func end(_ outer: UnsafeMutableRawPointer?) {
        sluice_thread().pointee.running = outer
    }

    /// Throws when what runs on this thread is asked to look up.
    @inline(never) public static func check() throws(Fault) {
        // Whoever called `begin` keeps it alive until `end`.
        guard let running = sluice_thread().pointee.running else { return }
        if Unmanaged<Interruptible>.fromOpaque(running).takeUnretainedValue().isAsked { throw .force(pause) }
    }
}
