/// Writes values as text: readably (`pr`) or for people (`print`).
public struct Printer {
    public var bytes: [UInt8] = []
    /// Strings quoted, characters escaped.
    public var readably: Bool
    /// `*print-length*` and `*print-level*`.
    public var maxLength: Int?
    public var maxLevel: Int?

    public init(readably: Bool = true) { self.readably = readably }

    public var string: String { String(decoding: bytes, as: UTF8.self) }

    public mutating func write(_ string: String) { bytes.append(contentsOf: string.utf8) }

    public mutating func write(_ value: Value) throws(Fault) {
        switch value {
        case .nil: write("nil")
        case .int(let int): write(String(int))
        case .text(let text): bytes.append(contentsOf: text.utf8)
        default: write("…")
        }
    }

    /// The readable form.
    public static func readable(_ value: Value) throws(Fault) -> String {
        var printer = Printer(readably: true)
        try printer.write(value)
        return printer.string
    }

    /// The form for people: strings without quotes.
    public static func plain(_ value: Value) throws(Fault) -> String {
        var printer = Printer(readably: false)
        try printer.write(value)
        return printer.string
    }
}
