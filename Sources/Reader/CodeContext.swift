import Values

/// What reading code needs to know from whoever compiles it; every question is a closure, so that the reader imports only
/// values.
package struct CodeContext {
    /// The full name of a symbol inside a syntax-quote: `map` → `clojure.core/map`, `str/join` → `clojure.string/join`,
    /// unknown → qualified with the current namespace, and special forms as they are.
    package var resolve: (Name) -> Name
    /// The current namespace, for `::a` and `#::{…}`.
    package var namespace: () -> String
    /// The namespace that an alias stands for, or nil.
    package var alias: (String) -> String?
    /// The aliases there are, to suggest from.
    package var aliases: () -> [String] = { [] }
    /// A number never given before, for the names of `x#` and `#()`.
    package var nextID: () -> Int
    /// The value of `#"…"`; a fault is reported at the literal.
    package var regex: (Text) throws(Fault) -> Value
    /// The value of a tagged form, or nil when the tag is unknown (`#inst` and `#uuid` need not be handled).
    package var tagged: (Name, Value) throws(Fault) -> Value? = { (_, _) throws(Fault) -> Value? in nil }
    /// Which tags there are, to suggest from.
    package var tags: () -> [String] = { [] }
    /// The features of reader conditionals, besides `:default`.
    package var features: Set<Name> = [KnownName.sluice.name]

    package init(
        resolve: @escaping (Name) -> Name, namespace: @escaping () -> String, alias: @escaping (String) -> String?,
        nextID: @escaping () -> Int, regex: @escaping (Text) throws(Fault) -> Value
    ) {
        self.resolve = resolve
        self.namespace = namespace
        self.alias = alias
        self.nextID = nextID
        self.regex = regex
    }
}

/// How EDN is read.
package struct EDNOptions {
    /// What becomes of a tag that nobody handles.
    package enum UnknownTag {
        case refuse
        /// A `TaggedLiteral` value.
        case keep
        /// As `clojure.edn`'s `:default`.
        case handle((Name, Value) throws(Fault) -> Value)
    }

    /// The value of a tagged form, or nil when the tag is unknown; asked before `#inst` and `#uuid` are handled.
    package var tagged: ((Name, Value) throws(Fault) -> Value?)?
    package var unknownTag: UnknownTag
    /// Told each form that `#_` leaves out: the tags within it are handled all the same.
    package var discarded: ((Value) -> Void)?
    /// Whether collections carry their `Origin`, as they do in code: for data that a checker will point into.
    package var places: Bool

    package init(
        unknownTag: UnknownTag = .refuse, places: Bool = false, tagged: ((Name, Value) throws(Fault) -> Value?)? = nil
    ) {
        self.unknownTag = unknownTag
        self.places = places
        self.tagged = tagged
    }
}

/// Which language a reader reads.
package enum Dialect {
    case code(CodeContext)
    case edn(EDNOptions)
}
