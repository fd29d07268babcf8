/// What few values carry: metadata, and where in a source text a form stood.
public final class Extra: @unchecked Sendable {
    // Sendable: immutable.
    public let meta: HashMap?
    public let origin: Origin?

    public init(meta: HashMap?, origin: Origin?) {
        self.meta = meta
        self.origin = origin
    }

    /// The extra for this pair, or nil when both are absent.
    public static func of(meta: HashMap?, origin: Origin?) -> Extra? {
        meta == nil && origin == nil ? nil : Extra(meta: meta, origin: origin)
    }
}

/// A text that forms are read from.
public final class Source: Sendable {
    /// The path as the user gave it, or a name such as `<eval>`.
    public let name: String
    public let bytes: [UInt8]
    /// The line that the bytes begin on, from 1: more for a piece of a file.
    public let firstLine: Int
    /// Part of the built-in library: errors are shown where the script called it.
    public let isLibrary: Bool

    public init(name: String, bytes: [UInt8], firstLine: Int = 1, isLibrary: Bool = false) {
        self.name = name
        self.bytes = bytes
        self.firstLine = firstLine
        self.isLibrary = isLibrary
    }
}

/// Byte offsets in a source, end exclusive.
public struct Span: Equatable, Sendable {
    public var start: UInt32
    public var end: UInt32

    public init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }
}

/// Where a collection form stood, and each of its elements: atoms carry no place of their own.
public final class Origin: Sendable {
    public let source: Source
    public let span: Span
    /// One per element in reading order; a map's are key, value, key, value.
    public let children: [Span]

    public init(source: Source, span: Span, children: [Span]) {
        self.source = source
        self.span = span
        self.children = children
    }
}
