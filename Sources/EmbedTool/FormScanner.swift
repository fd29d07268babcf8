/// Finds the top-level forms of a library file and the names they define, without reading them as values.
///
/// Only brackets, strings, characters and comments matter to where a form ends; the reader proper checks the rest when a
/// definition is loaded.
struct FormScanner {
    /// One definition: the names it gives values to, and where it stands.
    struct Form {
        var names: [String]
        var range: Range<Int>
        /// From 1.
        var line: Int
    }

    struct Problem: Error {
        var line: Int
        var message: String
    }

    private let bytes: [UInt8]
    /// What the file's `ns` or `in-ns` form says.
    private(set) var namespace: String?
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// What the `ns` form is called in the index: a name that no definition can have.
    static let namespaceName = ":ns"

    /// The definitions of the file; its `ns` form, which documents the namespace, as a definition of `:ns`.
    mutating func forms() throws(Problem) -> [Form] {
        var found: [Form] = []
        while skipBlank() {
            let start = at
            guard bytes[at] == UInt8(ascii: "(") else {
                throw problem(start, "a library file holds only lists at its top level")
            }
            try skipForm()
            var inner = FormScanner(Array(bytes[start..<at]))
            let names = try inner.definedNames(line(of: start))
            namespace = namespace ?? inner.namespace
            if !names.isEmpty { found.append(Form(names: names, range: start..<at, line: line(of: start))) }
        }
        return found
    }

    /// The names that the list at the start defines; none for `ns`.
    private mutating func definedNames(_ line: Int) throws(Problem) -> [String] {
        at = 1
        let head = try token()
        switch head {
        case "ns":
            namespace = try token()
            return [FormScanner.namespaceName]
        case "in-ns":
            namespace = try token()
            return []
        case "def", "defn", "defn-", "defmacro", "defonce", "defmulti": return [try token()]
        case "defprotocol":
            var names = [try token()]
            while skipBlank(), bytes[at] != UInt8(ascii: ")") {
                let start = at
                try skipForm()
                guard bytes[start] == UInt8(ascii: "(") else { continue }
                var method = FormScanner(Array(bytes[start..<at]))
                method.at = 1
                names.append(try method.token())
            }
            return names
        default:
            throw Problem(
                line: line,
                message:
                    "\(head) at the top level of a library: every form defines a name, so that it can be loaded by it")
        }
    }

    /// The next symbol, metadata before it skipped.
    private mutating func token() throws(Problem) -> String {
        while skipBlank(), bytes[at] == UInt8(ascii: "^") {
            at += 1
            try skipForm()
        }
        if skipBlank(), bytes[at] == UInt8(ascii: "'") { at += 1 }
        let start = at
        try skipForm()
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    /// Moves to the next form; false at the end.
    private mutating func skipBlank() -> Bool {
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: ";"): while at < bytes.count, bytes[at] != 0x0a { at += 1 }
            case 0x20, 0x0a, 0x09, 0x0d, UInt8(ascii: ","): at += 1
            default: return true
            }
        }
        return false
    }

    /// Moves past the form that starts here: an atom, or everything up to the bracket that closes it.
    private mutating func skipForm() throws(Problem) {
        let start = at
        var open: [UInt8] = []
        repeat {
            guard skipBlank() else { throw problem(start, "the form that starts here is not closed") }
            switch bytes[at] {
            case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"):
                open.append(bytes[at])
                at += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
                let closes = bytes[at] == UInt8(ascii: ")") ? UInt8(ascii: "(") : bytes[at] - 2
                guard open.popLast() == closes else { throw problem(at, "a bracket does not match") }
                at += 1
            case UInt8(ascii: "\""): try skipString()
            case UInt8(ascii: "\\"): skipCharacter()
            default: skipAtom()
            }
        } while !open.isEmpty
    }

    private mutating func skipString() throws(Problem) {
        let start = at
        at += 1
        while at < bytes.count, bytes[at] != UInt8(ascii: "\"") { at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1 }
        guard at < bytes.count else { throw problem(start, "the string that starts here is not closed") }
        at += 1
    }

    /// The character after a backslash may be a bracket; a name such as `\newline` goes on like an atom.
    private mutating func skipCharacter() {
        at += 2
        while at < bytes.count, FormScanner.isName(bytes[at]) { at += 1 }
    }

    private mutating func skipAtom() {
        let start = at
        while at < bytes.count, FormScanner.isName(bytes[at]) { at += 1 }
        // A prefix such as ' ` ~ @ # stands before a form.
        if at == start { at += 1 }
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...0x20, UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\""), UInt8(ascii: "("), UInt8(ascii: ")"),
            UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "\\"),
            UInt8(ascii: "^"),
            UInt8(ascii: "`"), UInt8(ascii: "~"), UInt8(ascii: "@"):
            false
        default: true
        }
    }

    private func line(of offset: Int) -> Int { bytes[..<offset].reduce(1) { $0 + ($1 == 0x0a ? 1 : 0) } }

    private func problem(_ offset: Int, _ message: String) -> Problem {
        Problem(line: line(of: offset), message: message)
    }
}
