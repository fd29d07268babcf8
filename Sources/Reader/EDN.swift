import Values

/// EDN text to values; values to EDN text is what `Printer` does readably.
package enum EDN {
    /// The first value of `bytes`, or nil when there is none.
    package static func read(
        _ bytes: [UInt8], names: Names, options: EDNOptions = EDNOptions(), name: String = "EDN"
    ) throws(SyntaxError) -> Value? {
        var reader = Reader(Source(name: name, bytes: bytes), names: names, dialect: .edn(options))
        return try reader.next()?.value
    }

    /// All values of `bytes`, in order.
    package static func readAll(
        _ bytes: [UInt8], names: Names, options: EDNOptions = EDNOptions(), name: String = "EDN"
    ) throws(SyntaxError) -> [Value] {
        var reader = Reader(Source(name: name, bytes: bytes), names: names, dialect: .edn(options))
        var values: [Value] = []
        while let form = try reader.next() { values.append(form.value) }
        return values
    }
}
