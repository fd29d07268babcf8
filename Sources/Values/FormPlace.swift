/// A declaration's form as it was written, so that a checker can point at the very key or value that is wrong (N4, G2).
///
/// A macro has its form at hand (`&form`) and hands it on in this, which prints as nothing and is opaque to scripts.
public final class FormPlace: Object, @unchecked Sendable {
    // Sendable: immutable.
    /// The whole declaration; it and every collection in it carry their `Origin`.
    public let form: Value

    public init(_ form: Value) { self.form = form }
}
