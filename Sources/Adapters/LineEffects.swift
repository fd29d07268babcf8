import Values

/// `:stdin/line` (P25): lines of standard input, where the host lends it.
package struct LineEffects: Sendable {
    private let reader: LineReader?

    /// - Parameter reader: nil where standard input is not the script's.
    package init(_ reader: LineReader?) { self.reader = reader }

    package var all: [AdapterEffect] { [line] }

    /// `{}` → the next line without its break, or nil at the end.
    private var line: AdapterEffect {
        AdapterEffect(type: "stdin/line") { [reader] _, answer in
            if let reader { return reader.next(answer) }
            answer(
                .failure(
                    AdapterError(
                        .unavailable,
                        "standard input is not the script's here; `sluice run` and `sluice eval` lend it")))
            return nil
        }
    }
}
