/// A number of single precision, as `(float x)` and arrays of floats give it; prints `0.5`.
///
/// Arithmetic takes it as the double of the same value, so its results are doubles.
public final class Single: Object, @unchecked Sendable {
    // Sendable: immutable.
    package let value: Float

    public init(_ value: Float) { self.value = value }

    public override var kind: ObjectKind { .float }

    public override func equals(_ other: Value) throws(Fault) -> Bool {
        switch other {
        case .double(let double): Double(value) == double
        case .object(let object): (object as? Single)?.value == value
        default: false
        }
    }

    public override func hashCode() throws(Fault) -> UInt32 { Hashing.double(Double(value)) }

    public override func write(to printer: inout Printer) throws(Fault) {
        guard value.isFinite else { return Numbers.append(Double(value), to: &printer.bytes) }
        Numbers.append(Numbers.ShortestDigits(description: value.description), to: &printer.bytes)
    }

    public override func writeText(to printer: inout Printer) throws(Fault) {
        guard value.isFinite else { return Numbers.appendText(Double(value), to: &printer.bytes) }
        try write(to: &printer)
    }
}
