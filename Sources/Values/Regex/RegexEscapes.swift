// Escapes and character classes.
extension RegexParser {
    /// An escape outside of a class.
    mutating func escape() throws(Fault) -> RegexNode {
        let start = position
        guard let letter = peekCharacter(1) else {
            throw error("a backslash stands at the end", at: start, hint: "write \\\\ for a backslash")
        }
        switch letter {
        case "A": return assertion(.textStart)
        case "z": return assertion(.textEnd)
        case "Z": return assertion(.lastLineEnd)
        case "b": return assertion(.wordBoundary)
        case "B": return assertion(.notWordBoundary)
        case "R":
            position += 2
            let pair = RegexNode.sequence([.set(ScalarSet(0x0d)), .set(ScalarSet(0x0a))])
            return .choice([pair, .set(.verticalSpace)])
        case "1"..."9", "k": throw unsupported("back-references are", at: start)
        case "G": throw unsupported("\\G is", at: start)
        case "X": throw unsupported("\\X is", at: start)
        default: break
        }
        position += 1
        if let set = try escapedSet() { return .set(set) }
        return .set(try cased(ScalarSet(try escapedScalar())))
    }

    private mutating func assertion(_ kind: RegexAssertion) -> RegexNode {
        position += 2
        return .assertion(kind)
    }

    /// After a backslash: `d`, `W`, `p{…}` and so on; nil (nothing taken) when it stands for one scalar.
    private mutating func escapedSet() throws(Fault) -> ScalarSet? {
        guard let letter = peekCharacter() else { return nil }
        let set: ScalarSet
        switch letter {
        case "d": set = .digits
        case "D": set = ScalarSet.digits.inverted
        case "w": set = .word
        case "W": set = ScalarSet.word.inverted
        case "s": set = .space
        case "S": set = ScalarSet.space.inverted
        case "h": set = .horizontalSpace
        case "H": set = ScalarSet.horizontalSpace.inverted
        case "v": set = .verticalSpace
        case "V": set = ScalarSet.verticalSpace.inverted
        case "p", "P": return try property(negated: letter == "P")
        default: return nil
        }
        position += 1
        return set
    }

    /// `p{Lu}`, `pL`, `p{^Lu}` is not Java's.
    private mutating func property(negated: Bool) throws(Fault) -> ScalarSet {
        let start = position
        position += 1
        var name = ""
        if take("{") {
            while let scalar = peekCharacter(), scalar != "}" {
                name.unicodeScalars.append(scalar)
                position += 1
            }
            guard take("}") else { throw error("the property's name is not closed with }", at: start) }
        } else if let scalar = peekCharacter() {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard let set = try UnicodeCategories.named(name) else {
            throw error(
                "there is no character property named \(name)", at: start,
                hint: "general categories (L, Lu, Nd, P …), POSIX names (Alpha, Punct …) and IsAlphabetic are known")
        }
        // Under (?i) a case's letters stand for all cased ones.
        return try cased(negated ? set.inverted : set)
    }

    /// After a backslash: one scalar.
    private mutating func escapedScalar() throws(Fault) -> UInt32 {
        let start = position
        guard let letter = peekCharacter() else { throw error("a backslash stands at the end", at: start - 1) }
        position += 1
        switch letter {
        case "t": return 0x09
        case "n": return 0x0a
        case "r": return 0x0d
        case "f": return 0x0c
        case "a": return 0x07
        case "e": return 0x1b
        case "0": return try octal()
        case "x": return take("{") ? try bracedHexadecimal() : try hexadecimal(digits: 2)
        case "u": return try utf16Escape()
        case "c":
            guard let control = peek(), control < 0x80 else { throw error("expected a letter after \\c", at: start) }
            position += 1
            return control ^ 0x40
        case "a"..."z", "A"..."Z", "0"..."9":
            throw error(
                "there is no escape \\\(letter)", at: start - 1, hint: "a letter stands for itself without a backslash")
        default: return letter.value
        }
    }

    private mutating func octal() throws(Fault) -> UInt32 {
        var value: UInt32 = 0
        var digits = 0
        while digits < 3, let scalar = peek(), (0x30...0x37).contains(scalar), value * 8 + scalar - 0x30 <= 0xff {
            value = value * 8 + scalar - 0x30
            digits += 1
            position += 1
        }
        guard digits > 0 else { throw error("expected octal digits after \\0", at: position) }
        return value
    }

    private mutating func hexadecimal(digits: Int) throws(Fault) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let scalar = peek(), scalar < 0x80, case let digit = BigInt.digit(UInt8(scalar)), digit < 16 else {
                throw error("expected \(digits) hexadecimal digits", at: position)
            }
            value = value * 16 + UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func bracedHexadecimal() throws(Fault) -> UInt32 {
        let start = position
        var value: UInt32 = 0
        while let scalar = peek(), scalar < 0x80, case let digit = BigInt.digit(UInt8(scalar)), digit < 16,
            value <= 0x10ffff
        {
            value = value * 16 + UInt32(digit)
            position += 1
        }
        guard position > start, take("}"), Unicode.Scalar(value) != nil else {
            throw error("expected a code point in hexadecimal digits and }", at: start)
        }
        return value
    }

    /// `\uXXXX`; two that make a surrogate pair stand for one scalar.
    private mutating func utf16Escape() throws(Fault) -> UInt32 {
        let start = position
        let unit = try hexadecimal(digits: 4)
        guard (0xd800...0xdfff).contains(unit) else { return unit }
        guard unit < 0xdc00, take("\\u") else { throw error("half of a surrogate pair is no character", at: start) }
        let low = try hexadecimal(digits: 4)
        guard (0xdc00...0xdfff).contains(low) else {
            throw error("half of a surrogate pair is no character", at: start)
        }
        return 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
    }

    /// After `[`: ranges, escapes and nested classes united; `&&` intersects what stands on its sides; `^` inverts all of it.
    mutating func characterClass(from start: Int, depth: Int = 0) throws(Fault) -> ScalarSet {
        guard depth < RegexParser.nestingLimit else {
            throw error("classes nest more than \(RegexParser.nestingLimit) deep", at: start)
        }
        let inverted = take("^")
        var intersection: ScalarSet?
        var current = ScalarSet.Union()
        var isFirst = true
        var isEmpty = true
        while true {
            skipComments()
            guard let scalar = peek() else { throw error("the class that starts here is not closed", at: start) }
            if scalar == 0x5d, !isFirst { break }
            isFirst = false
            let place = position
            if take("&&") {
                if !isEmpty { intersection = try intersected(intersection, current.set) }
                (current, isEmpty) = (ScalarSet.Union(), true)
            } else if take("[") {
                try current.add(try characterClass(from: place, depth: depth + 1))
                isEmpty = false
            } else {
                try current.add(try cased(try classItem()))
                isEmpty = false
            }
        }
        position += 1
        var set = current.set
        if let others = intersection { set = isEmpty ? others : try intersected(others, set) }
        return inverted ? set.inverted : set
    }

    private func intersected(_ a: ScalarSet?, _ b: ScalarSet) throws(Fault) -> ScalarSet {
        guard let a else { return b }
        try Attention.work((a.spans.count + b.spans.count) / 4)
        return a.intersection(b)
    }

    /// One scalar, range, escape, or quoted text of a class.
    private mutating func classItem() throws(Fault) -> ScalarSet {
        let start = position
        if take("\\Q") { return try quotedInClass(from: start) }
        if peek() == 0x5c {
            position += 1
            if let set = try escapedSet() { return set }
            position -= 1
        }
        let low = try classScalar()
        // A hyphen before the end or before an intersection is itself.
        guard peek() == 0x2d, let next = peek(1), next != 0x5d, next != 0x5b, !(next == 0x26 && peek(2) == 0x26) else {
            return ScalarSet(low)
        }
        position += 1
        skipComments()
        let place = position
        if peek() == 0x5c {
            position += 1
            if try escapedSet() != nil { throw error("a range ends with one character, not with a class", at: place) }
            position -= 1
        }
        let high = try classScalar()
        guard low <= high else { throw error("the range runs backwards", at: start) }
        return ScalarSet(low...high)
    }

    private mutating func classScalar() throws(Fault) -> UInt32 {
        guard let scalar = peek() else { throw error("the class is not closed", at: position) }
        position += 1
        return scalar == 0x5c ? try escapedScalar() : scalar
    }

    private mutating func quotedInClass(from start: Int) throws(Fault) -> ScalarSet {
        var quoted: [UInt32] = []
        while !take("\\E") {
            guard let scalar = peek() else { throw error("the quotation that starts here is not closed", at: start) }
            quoted.append(scalar)
            position += 1
        }
        return ScalarSet(scalars: quoted)
    }
}
