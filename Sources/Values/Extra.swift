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
