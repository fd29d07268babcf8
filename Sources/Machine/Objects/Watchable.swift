import Values

/// A reference that a validator guards and watchers are told of: an atom, a ref, an agent, a var's root.
///
/// Both are functions of the language, so the library calls them; here they are only kept.
protocol Watchable: Object {
    /// The predicate that every new value must fulfil, or nil.
    var validator: Value { get set }
    /// Functions by key, or nil when there are none.
    var watchers: HashMap? { get }
    func changeWatchers(_ body: (inout HashMap) throws(Fault) -> Void) throws(Fault)
}

/// Validator and watchers of references whose values change under a lock of their own.
struct Attendance {
    var validator: Value = .nil
    private(set) var watchers: HashMap?

    mutating func changeWatchers(_ body: (inout HashMap) throws(Fault) -> Void) throws(Fault) {
        var changed = watchers ?? HashMap()
        try body(&changed)
        watchers = changed.isEmpty ? nil : changed
    }
}
