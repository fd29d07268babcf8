/// The top-level form that code belongs to, when it gives something a name: what a call stack calls it by.
public final class Definition: Sendable {
    /// `clojure.core`.
    public let namespace: String
    public let name: String
    /// Not offered to other namespaces; a call stack leaves out those of the library.
    public let isPrivate: Bool

    public init(namespace: String, name: String, isPrivate: Bool) {
        self.namespace = namespace
        self.name = name
        self.isPrivate = isPrivate
    }
}

/// One level of a script's call stack.
public struct TraceFrame: Sendable {
    /// The function's name, `fn in NAME` or `fn` when it has none, or nil at the top level.
    public var function: String?
    public var source: Source?
    public var span: Span?
    /// What the code was written in, if it is known.
    public var definition: Definition?
    /// The macro whose expansion the code at the place is.
    public var macro: Definition?
    /// It asked for an element of a lazy sequence, which the levels within it computed.
    public var demands = false
    /// So many levels were left out here; then there is nothing else in this one.
    public var skipped = 0

    public init(function: String?, source: Source?, span: Span?) {
        self.function = function
        self.source = source
        self.span = span
    }

    /// Levels that were left out.
    public init(skipped: Int) { self.skipped = skipped }

    /// Of the built-in library.
    public var isLibrary: Bool { source?.isLibrary ?? false }

    /// `shop.slu:3:5`, when it has a place.
    public var place: String? {
        guard let source, let span else { return nil }
        let position = source.position(of: Int(span.start))
        return "\(source.name):\(position.line):\(position.column)"
    }
}

/// What an operation expected of a value, and what it found instead.
public struct Mismatch: Sendable {
    public var operation: String
    /// With its article: `a number`.
    public var expected: String
    public var found: Value
    /// The operation is known by the name that the script has for it.
    public var isNamed = false

    var message: String { "\(operation) expected \(expected), but found \(found.briefly)" }
}

/// The value that a call failed for.
public struct Culprit: Sendable {
    /// Its place among the arguments, from 0; -1 for what was called.
    public var argument: Int
    /// How many arguments the call had, when that is known.
    public var count: Int?
    /// The last part of the name of what was called, when it has one.
    public var callee: String?

    public init(argument: Int, count: Int?, callee: String?) {
        self.argument = argument
        self.count = count
        self.callee = callee
    }
}

/// What a call was of, for an error about the call.
public struct Callee: Sendable {
    public var definition: Definition?
    /// Where the function is written, when it is a script's.
    public var source: Source?
    public var span: Span?

    public init(definition: Definition?, source: Source? = nil, span: Span? = nil) {
        self.definition = definition
        self.source = source
        self.span = span
    }
}
