import Testing
import Values

extension SplitMix {
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}

/// A word that models a value: comparable and hashable by Swift's own means.
enum Word: Hashable {
    case int(Int64)
    case text(String)

    var value: Value {
        switch self {
        case .int(let int): .int(int)
        case .text(let string): .string(string)
        }
    }

    init?(_ value: Value) {
        switch value {
        case .int(let int): self = .int(int)
        default:
            guard let text = value.stringValue else { return nil }
            self = .text(text)
        }
    }

    static func random(_ range: Int, _ random: inout SplitMix) -> Word {
        let number = random.below(range)
        switch number % 4 {
        case 0: return .text("w\(number)")
        case 1: return .text("a longer word \(number)")
        default: return .int(Int64(number) &* 0x1_0001)
        }
    }
}

/// Keys of one chosen hash, to force collisions.
final class Collider: Object, @unchecked Sendable {
    // Sendable: immutable.
    let id: Int
    let hash: UInt32

    init(_ id: Int, hash: UInt32) {
        self.id = id
        self.hash = hash
    }

    override func equals(_ other: Value) throws(Fault) -> Bool {
        if case .object(let object) = other { (object as? Collider)?.id == id } else { false }
    }
    override func hashCode() throws(Fault) -> UInt32 { hash }
}

func ints(_ numbers: some Sequence<Int>) -> [Value] { numbers.map { .int(Int64($0)) } }

func ints(_ numbers: Int...) -> [Value] { ints(numbers) }

/// The exception class an operation fails with; nil when it succeeds.
func failure(_ body: () throws(Fault) -> Void) -> ExceptionClass? {
    do throws(Fault) {
        try body()
        return nil
    } catch {
        guard case .thrown(let exception) = error else { return nil }
        return exception.type
    }
}
