/// A value that must not be seen: it prints as `#<secret>` everywhere and equals only itself.
public final class SecretValue: Object, @unchecked Sendable {
    // Sendable: immutable.
    private let hidden: Value

    public init(_ hidden: Value) { self.hidden = hidden }

    /// What is hidden, for the adapter that sends it where it belongs. Not public, so that no script and no host reaches it.
    package func reveal() -> Value { hidden }

    public override var kind: ObjectKind { .secret }
    // Equality and hash stay those of identity: a secret must not be guessed by comparing.
    public override func write(to printer: inout Printer) throws(Fault) { printer.write(SecretMask.mark) }
}

/// Masks secrets that strayed into texts: the journal, logs, errors and pages pass through here.
package struct SecretMask: Sendable {
    package static let mark = "#<secret>"
    /// Shorter texts are not masked: they would blank out half of every output.
    package static let shortest = 4

    /// Longest first, so that a secret that contains another is masked whole.
    private var known: [[UInt8]] = []

    package init() {}

    package var isEmpty: Bool { known.isEmpty }

    /// Adds the text of a secret; its lines too, because a key of several lines is often shown one line at a time.
    package mutating func learn(_ secret: Text) {
        let lines = secret.lines().map { $0.trimmed() }
        for candidate in [secret.trimmed()] + (lines.count > 1 ? lines : []) {
            let bytes = Array(candidate.utf8)
            guard bytes.count >= SecretMask.shortest, !known.contains(bytes) else { continue }
            known.append(bytes)
        }
        known.sort { $0.count > $1.count }
    }

    /// `output` with every known secret replaced by `mark`.
    package func masking(_ output: Text) -> Text {
        let mark = Text(SecretMask.mark)
        var masked = output
        for secret in known {
            let secret = secret.withUnsafeBufferPointer { Text(validated: $0) }
            // What cannot be masked is not shown at all.
            masked = (try? masked.replacing(secret, with: mark)) ?? mark
        }
        return masked
    }

    package func masking(_ output: String) -> String {
        known.isEmpty ? output : masking(Text(output)).string
    }
}
