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

    /// Whether a namespace is loaded, to those for whom `asking` is under way.
    func isLoaded(_ name: Name, within asking: Load?) -> Bool {
        lock.withLock { isKnown(name, within: underway(asking)) }
    }

    private func isKnown(_ name: Name, within outer: Load?) -> Bool {
        (outer?.renewed?.names ?? loaded).contains(name)
    }

    /// Asks to load the file of a namespace, on behalf of the file that is loaded as `asking`, or was.
    ///
    /// - Parameter anew: although it is loaded.
    func begin(_ name: Name, within asking: Load?, anew: Bool) -> Outcome {
        lock.withLock {
            let outer = underway(asking)
            if !anew, isKnown(name, within: outer) { return .isLoaded }
            if let same = underway.first(where: { $0.name == name }), let circle = outer?.path(from: same) {
                return .isCircular(circle + [name])
            }
            return open(Load(name, within: outer, renewed: outer?.renewed))
        }
    }

    /// Asks to load again what one `require` names: one load around those of the files, so that two who reload take turns and
    /// who has waited has nothing to repeat.
    func beginAgain(_ reloading: Reloading, within asking: Load?) -> Outcome {
        lock.withLock {
            let outer = underway(asking)
            return open(
                Load(nil, within: outer, renewed: reloading == .everything ? Load.Renewed() : outer?.renewed))
        }
    }

    private func underway(_ asking: Load?) -> Load? {
        var outer = asking
        while let load = outer, !underway.contains(where: { $0 === load }) { outer = load.outer }
        return outer
    }

    private func open(_ load: Load) -> Outcome {
        if let last = underway.last, last !== load.outer { return .waits(last) }
        underway.append(load)
        return .granted(load)
    }

    /// The form of a namespace was evaluated. Unless that is part of loading its file, the text that it stands in, such as the
    /// script that runs, is what defines the namespace, and must not be evaluated again for the sake of what it has yet to define.
    func begun(_ name: Name) {
        lock.withLock { if !underway.contains(where: { $0.name == name }) { loaded.insert(name) } }
    }

    /// The file was loaded, or could not be.
    func end(_ load: Load, isLoaded: Bool, in instance: Instance) {
        lock.withLock {
            underway.removeAll { $0 === load }
            if isLoaded, let name = load.name {
                loaded.insert(name)
                load.renewed?.names.insert(name)
            }
        }
        load.finish(in: instance)
    }
}

/// What a `require` loads although it is loaded.
package enum Reloading {
    /// What it names (`:reload`).
    case named
    /// That and what it requires, directly or through others, each once (`:reload-all`).
    case everything
}

/// A file that is being loaded, or, without a name, a `require` that loads files again.
final class Load: Object, @unchecked Sendable {
    // Sendable: immutable but for `renewed`, which is touched under the lock of `Loads`; the sequence is locked inside.
    let name: Name?
    /// What counts as loaded within it, instead of everything that is.
    fileprivate let renewed: Renewed?
    /// Of the file that requires this one.
    fileprivate let outer: Load?
    /// Realised when the load has ended, well or not: the machine waits for who realises a sequence, and asks again.
    private let end = LazySeq(thunk: .nil)

    /// What a `:reload-all` has loaded so far.
    fileprivate final class Renewed {
        var names: Set<Name> = []
    }

    fileprivate init(_ name: Name?, within outer: Load?, renewed: Renewed?) {
        self.name = name
        self.outer = outer
        self.renewed = renewed
        super.init()
        _ = end.claim(for: UInt(bitPattern: ObjectIdentifier(self)))
    }

    /// The names from `first` to this one, each of which requires the next; nil when it is not loaded because of `first`.
    fileprivate func path(from first: Load) -> [Name]? {
        let own = name.map { [$0] } ?? []
        if self === first { return own }
        return outer?.path(from: first).map { $0 + own }
    }

    fileprivate func finish(in instance: Instance) {
        if end.publish(.nil) { instance.tellWaiting(end) }
    }

    /// Throws, until the load has ended, what makes the machine wait for that and then run the operation again.
    func await() throws(Fault) { _ = try end.seq() }
}
