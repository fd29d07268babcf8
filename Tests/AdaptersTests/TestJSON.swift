import Adapters
import TestSupport
import Values

/// A small JSON for these tests: the codec that the composition root gives in a real run is the reader's.
func testJSON(_ names: Names) -> JSONCodec {
    JSONCodec(
        encode: { value throws(Fault) in Array(try written(value).utf8) },
        decode: { bytes, keywords throws(Fault) in
            var parser = JSONParser(bytes: bytes, keywords: keywords ? names : nil)
            return try parser.document()
        })
}

private func written(_ value: Value) throws(Fault) -> String {
    switch value {
    case .nil: return "null"
    case .bool(let flag): return String(flag)
    case .int(let number): return String(number)
    case .double(let number): return String(number)
    case .text(let text): return FakeModelServer.quote(text.string)
    case .keyword(let name): return FakeModelServer.quote(name.name)
    case .vector(let vector):
        var parts: [String] = []
        for element in vector.elements { parts.append(try written(element)) }
        return "[" + parts.joined(separator: ",") + "]"
    case .map(let map):
        var parts: [String] = []
        try map.forEach { (key, value) throws(Fault) in
            parts.append(try written(key) + ":" + written(value))
            return true
        }
        return "{" + parts.joined(separator: ",") + "}"
    default: throw .illegalArgument("no JSON for this")
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    let keywords: Names?
    var index = 0

    init(bytes: [UInt8], keywords: Names?) {
        self.bytes = bytes
        self.keywords = keywords
    }

    mutating func document() throws(Fault) -> Value {
        let value = try value()
        skip()
        if index < bytes.count { throw bad() }
        return value
    }

    private func bad() -> Fault { .illegalArgument("unexpected JSON at byte \(index)") }

    private mutating func skip() {
        while index < bytes.count, bytes[index] <= 32 { index += 1 }
    }

    private mutating func peek() throws(Fault) -> UInt8 {
        skip()
        guard index < bytes.count else { throw bad() }
        return bytes[index]
    }

    private mutating func take(_ byte: Character) throws(Fault) {
        guard try peek() == byte.asciiValue else { throw bad() }
        index += 1
    }

    private mutating func value() throws(Fault) -> Value {
        switch try peek() {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        default: return try word()
        }
    }

    private mutating func word() throws(Fault) -> Value {
        let start = index
        while index < bytes.count, !",]} \n\r\t".utf8.contains(bytes[index]) { index += 1 }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        switch text {
        case "null": return .nil
        case "true": return .true
        case "false": return .false
        default:
            if let int = Int64(text) { return .int(int) }
            guard let double = Double(text) else { throw bad() }
            return .double(double)
        }
    }

    private mutating func array() throws(Fault) -> Value {
        try take("[")
        var elements: [Value] = []
        while try peek() != UInt8(ascii: "]") {
            if !elements.isEmpty { try take(",") }
            elements.append(try value())
        }
        index += 1
        return .vector(elements)
    }

    private mutating func object() throws(Fault) -> Value {
        try take("{")
        var map = HashMap()
        while try peek() != UInt8(ascii: "}") {
            if !map.isEmpty {
                try take(",")
                skip()
            }
            let key = try string()
            try take(":")
            let value = try value()
            try HashMap.set(&map, keywords.map { $0.keyword(key) } ?? .string(key), value)
        }
        index += 1
        return .map(map)
    }

    private mutating func string() throws(Fault) -> String {
        try take("\"")
        var found: [UInt8] = []
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            if bytes[index] == UInt8(ascii: "\\") {
                index += 1
                guard index < bytes.count else { throw bad() }
                switch bytes[index] {
                case UInt8(ascii: "n"): found.append(10)
                case UInt8(ascii: "u"):
                    let hex = String(decoding: bytes[(index + 1)...].prefix(4), as: UTF8.self)
                    found += Array(String(UnicodeScalar(UInt32(hex, radix: 16) ?? 63) ?? "?").utf8)
                    index += 4
                default: found.append(bytes[index])
                }
            } else {
                found.append(bytes[index])
            }
            index += 1
        }
        try take("\"")
        return String(decoding: found, as: UTF8.self)
    }
}
