import Machine
import Values

/// Which files of namespaces are loaded, and which are being loaded.
///
/// One file at a time is loaded, and within it those that it requires. Whoever requires another meanwhile waits, so that
/// nobody loads a file twice, takes a namespace for loaded of which a part is still missing, or waits for a load that waits
/// for its own. What a file starts while it is loaded, such as a future, may load others as it may itself: it carries the
/// load among its dynamic bindings.
final class Loads: @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    private var loaded: Set<Name> = []
    /// Each within the one before.
    private var underway: [Load] = []

    /// What becomes of a wish to load a file.
    enum Outcome {
        /// The caller is to load the file, and then to say that it has ended.
        case granted(Load)
        case isLoaded
        /// To be asked again once this one has ended.
        case waits(Load)
        /// The file is loaded because of itself, through these.
        case isCircular([Name])
    }

    func isLoaded(_ name: Name) -> Bool { lock.withLock { loaded.contains(name) } }

    /// Asks to load the file of a namespace, on behalf of the file that is loaded as `asking`, or was.
    func begin(_ name: Name, within asking: Load?) -> Outcome {
        lock.withLock {
            if loaded.contains(name) { return .isLoaded }
            var outer = asking
            while let load = outer, !underway.contains(where: { $0 === load }) { outer = load.outer }
            if let same = underway.first(where: { $0.name == name }), let circle = outer?.path(from: same) {
                return .isCircular(circle + [name])
            }
            if let last = underway.last, last !== outer { return .waits(last) }
            let load = Load(name, within: outer)
            underway.append(load)
            return .granted(load)
        }
    }

    /// The file was loaded, or could not be.
    func end(_ load: Load, isLoaded: Bool, in instance: Instance) {
        lock.withLock {
            underway.removeAll { $0 === load }
            if isLoaded { loaded.insert(load.name) }
        }
        load.finish(in: instance)
    }
}

/// A file that is being loaded.
final class Load: Object, @unchecked Sendable {
    // Sendable: immutable; the sequence is locked inside.
    let name: Name
    /// Of the file that requires this one.
    fileprivate let outer: Load?
    /// Realised when the load has ended, well or not: the machine waits for who realises a sequence, and asks again.
    private let end = LazySeq(thunk: .nil)

    fileprivate init(_ name: Name, within outer: Load?) {
        self.name = name
        self.outer = outer
        super.init()
        _ = end.claim(for: UInt(bitPattern: ObjectIdentifier(self)))
    }

    /// The names from `first` to this one, each of which requires the next; nil when it is not loaded because of `first`.
    fileprivate func path(from first: Load) -> [Name]? {
        if self === first { return [name] }
        return outer?.path(from: first).map { $0 + [name] }
    }

    fileprivate func finish(in instance: Instance) {
        if end.publish(.nil) { instance.tellWaiting(end) }
    }

    /// Throws, until the load has ended, what makes the machine wait for that and then run the operation again.
    func await() throws(Fault) { _ = try end.seq() }
}
