import Values

/// What something is called for good: its place under its parent, never when it happened.
///
/// Two runs of the same script on the same input give the same identities whatever the schedule was, so a journal can
/// be replayed and two traces compared. The path reads `run/worker:summarise#0/invocation:12/effect:3`.
package final class Identity: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case run, worker, system, phases, invocation, fiber, effect, attempt, scope, ticker, channel, process, eval,
            engine, test
    }

    package let parent: Identity?
    package let kind: Kind
    /// What the script calls it; nil for what only has a position.
    package let name: String?
    /// Counts those of the same kind and name under the same parent, from 0.
    package let ordinal: Int
    private let code: Int
    /// How many stand above it.
    private let depth: Int

    /// A path has no more steps than this. What is called from ever deeper, as effects are that each submit the next, would otherwise
    /// keep all those above it, and spell them.
    private static let deepest = 32

    package init(root kind: Kind = .run, name: String? = nil) {
        parent = nil
        self.kind = kind
        self.name = name
        ordinal = 0
        depth = 0
        code = Identity.code(of: 0, kind, name, 0)
    }

    private init(parent: Identity, kind: Kind, name: String?, ordinal: Int) {
        self.parent = parent
        self.kind = kind
        self.name = name
        self.ordinal = ordinal
        depth = parent.depth + 1
        code = Identity.code(of: parent.code, kind, name, ordinal)
    }

    private static func code(of parent: Int, _ kind: Kind, _ name: String?, _ ordinal: Int) -> Int {
        var code = (parent &* 31 &+ Kind.allCases.firstIndex(of: kind)!) &* 31 &+ ordinal
        if let name { for byte in name.utf8 { code = code &* 31 &+ Int(byte) } }
        return code
    }

    /// The printable path from the root: unambiguous, because `/ # : %` and spaces in names are percent-encoded. Spelt when it
    /// is asked for: of most effects nobody does.
    package var path: String {
        var steps: [Identity] = []
        var here: Identity? = self
        while let step = here {
            steps.append(step)
            here = step.parent
        }
        var path = ""
        for step in steps.reversed() { step.spell(into: &path) }
        return path
    }

    private func spell(into path: inout String) {
        guard parent != nil else {
            path += name.map { "\(kind.rawValue):\(Identity.escaped($0))" } ?? kind.rawValue
            return
        }
        path += "/"
        path += kind.rawValue
        path += ":"
        if let name {
            path += Identity.escaped(name)
            path += "#"
        }
        path += String(ordinal)
    }

    /// What stands below this one. Below the deepest, it is called by a digest of the path instead, under the ancestor half way up;
    /// so of those in between it is not known that it is within them.
    package func child(_ kind: Kind, name: String? = nil, ordinal: Int) -> Identity {
        if depth < Identity.deepest { return Identity(parent: self, kind: kind, name: name, ordinal: ordinal) }
        return shortened.child(kind, name: name, ordinal: ordinal)
    }

    private var shortened: Identity {
        var (high, low): (UInt64, UInt64) = (0, 0)
        var above = self
        for byte in path.utf8 {
            low = SplitMix.mix(low &+ UInt64(byte) &+ SplitMix.step)
            high = SplitMix.mix(high ^ low)
        }
        while above.depth > Identity.deepest / 2, let next = above.parent { above = next }
        let digest = String(high, radix: 16, width: 16) + String(low, radix: 16, width: 16)
        return Identity(parent: above, kind: self.kind, name: digest, ordinal: 0)
    }

    /// Whether this is `ancestor` or stands below it.
    package func isWithin(_ ancestor: Identity) -> Bool {
        var current: Identity? = self
        while let here = current {
            if here == ancestor { return true }
            current = here.parent
        }
        return false
    }

    @inline(__always) package static func == (left: Identity, right: Identity) -> Bool {
        left === right || (left.code == right.code && areEqual(left, right))
    }

    @inline(never) private static func areEqual(_ left: Identity, _ right: Identity) -> Bool {
        var (left, right) = (left, right)
        while left !== right {
            guard left.code == right.code, left.kind == right.kind, left.ordinal == right.ordinal,
                left.name == right.name
            else { return false }
            switch (left.parent, right.parent) {
            case (let above?, let other?): (left, right) = (above, other)
            case (nil, nil): return true
            default: return false
            }
        }
        return true
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(code) }

    package func _rawHashValue(seed: Int) -> Int { Hashing.inDictionary(UInt64(bitPattern: Int64(code)), seed) }

    private static func escaped(_ name: String) -> String {
        guard name.utf8.contains(where: { isReserved($0) }) else { return name }
        var bytes: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in name.utf8 {
            if isReserved(byte) {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isReserved(_ byte: UInt8) -> Bool {
        byte <= 32 || byte == 127 || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "#") || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: "%")
    }
}
