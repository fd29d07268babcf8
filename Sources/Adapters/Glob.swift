#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A pattern over paths: `*` and `?` within a part, `**` over any number of directories, `[a-z]` and `[!a-z]`, `{a,b}`,
/// and `\` before a character that stands for itself.
///
/// A name that starts with a dot is matched only by a pattern part that does, and `**` goes neither into such directories
/// nor into links to directories, so that it ends.
package struct Glob: Sendable {
    /// Alternatives that braces may unfold to: `{a,b}` repeated thirty times would be a thousand million.
    static let maxAlternatives = 1_000
    /// Directory entries that one expansion looks at, and paths that it returns.
    static let maxEntries = 2_000_000
    static let maxMatches = 200_000

    let text: String
    private let alternatives: [Path]

    /// One pattern without braces.
    struct Path: Sendable {
        var absolute: Bool
        var parts: [Part]
    }

    enum Part: Equatable, Sendable {
        case literal(String)
        case tree
        case pattern([Token])
    }

    enum Token: Equatable, Sendable {
        case scalar(Unicode.Scalar)
        case any
        case run
        case oneOf([ClosedRange<UInt32>], negated: Bool)
    }

    package init(_ text: String) throws(AdapterError) {
        try FileSystem.validate(text)
        self.text = text
        var unfolded: [[Unicode.Scalar]] = []
        try Glob.unfold(Array(text.unicodeScalars), into: &unfolded)
        var alternatives: [Path] = []
        for scalars in unfolded { alternatives.append(try Glob.parse(scalars, text)) }
        self.alternatives = alternatives
    }

    private static func unfold(_ scalars: [Unicode.Scalar], into found: inout [[Unicode.Scalar]]) throws(AdapterError) {
        guard let (open, close, commas) = braces(in: scalars) else {
            if found.count >= maxAlternatives {
                throw .parameter("the pattern stands for more than \(maxAlternatives) alternatives; use fewer braces")
            }
            found.append(scalars)
            return
        }
        var start = open + 1
        for end in commas + [close] {
            try unfold(Array(scalars[..<open] + scalars[start..<end] + scalars[(close + 1)...]), into: &found)
            start = end + 1
        }
    }

    /// The first pair of braces with a comma directly inside.
    private static func braces(in scalars: [Unicode.Scalar]) -> (open: Int, close: Int, commas: [Int])? {
        var stack: [(open: Int, commas: [Int])] = []
        var index = 0
        var best: (open: Int, close: Int, commas: [Int])?
        while index < scalars.count {
            switch scalars[index] {
            case "\\": index += 1
            case "{": stack.append((index, []))
            case ",": if !stack.isEmpty { stack[stack.count - 1].commas.append(index) }
            case "}":
                if let top = stack.popLast(), !top.commas.isEmpty, best == nil || top.open < best!.open {
                    best = (top.open, index, top.commas)
                }
            default: break
            }
            index += 1
        }
        return best
    }

    private static func parse(_ scalars: [Unicode.Scalar], _ text: String) throws(AdapterError) -> Path {
        var path = Path(absolute: scalars.first == "/", parts: [])
        for piece in scalars.split(separator: "/") {
            if piece.elementsEqual(["*", "*"] as [Unicode.Scalar]) {
                if path.parts.last != .tree { path.parts.append(.tree) }
                continue
            }
            let tokens = try tokens(Array(piece), text)
            var literal = String.UnicodeScalarView()
            for case .scalar(let scalar) in tokens { literal.append(scalar) }
            let isLiteral = literal.count == tokens.count
            if isLiteral, String(literal) == "..", path.parts.contains(where: { !$0.isLiteral }) {
                throw .parameter(
                    "the pattern \(quoted(text)) goes up (..) behind a wildcard; start it in the directory meant")
            }
            path.parts.append(isLiteral ? .literal(String(literal)) : .pattern(tokens))
        }
        return path
    }

    private static func tokens(_ piece: [Unicode.Scalar], _ text: String) throws(AdapterError) -> [Token] {
        var tokens: [Token] = []
        var index = 0
        while index < piece.count {
            switch piece[index] {
            case "*": if tokens.last != .run { tokens.append(.run) }
            case "?": tokens.append(.any)
            case "\\" where index + 1 < piece.count:
                index += 1
                tokens.append(.scalar(piece[index]))
            case "[":
                let (token, next) = try oneOf(piece, index + 1, text)
                tokens.append(token)
                index = next
            case let scalar: tokens.append(.scalar(scalar))
            }
            index += 1
        }
        return tokens
    }

    /// Reads a class from behind its `[`; returns the index of its `]`.
    private static func oneOf(_ piece: [Unicode.Scalar], _ start: Int, _ text: String) throws(AdapterError) -> (
        Token, Int
    ) {
        var index = start
        let negated = index < piece.count && (piece[index] == "!" || piece[index] == "^")
        if negated { index += 1 }
        let first = index
        var ranges: [ClosedRange<UInt32>] = []
        while index < piece.count, piece[index] != "]" || index == first {
            let low = piece[index].value
            if index + 2 < piece.count, piece[index + 1] == "-", piece[index + 2] != "]" {
                let high = piece[index + 2].value
                if low > high {
                    throw .parameter("the range in \(quoted(text)) runs backwards; write its smaller end first")
                }
                ranges.append(low...high)
                index += 3
            } else {
                ranges.append(low...low)
                index += 1
            }
        }
        guard index < piece.count else {
            throw .parameter("the pattern \(quoted(text)) has a [ without ]; close it, or write \\[ for the character")
        }
        return (.oneOf(ranges, negated: negated), index)
    }
}

extension Glob.Part {
    var isLiteral: Bool {
        if case .literal = self { true } else { false }
    }

    func matches(_ name: String) -> Bool {
        switch self {
        case .literal(let literal): return literal == name
        case .tree: return !name.hasPrefix(".")
        case .pattern(let tokens):
            if name.hasPrefix("."), tokens.first != .scalar(".") { return false }
            return Glob.Token.match(tokens, Array(name.unicodeScalars))
        }
    }
}

extension Glob.Token {
    /// Goes back only to the last run, so at most pattern × name steps.
    static func match(_ tokens: [Glob.Token], _ name: [Unicode.Scalar]) -> Bool {
        var (token, index) = (0, 0)
        var retry: (token: Int, index: Int)?
        while index < name.count || token < tokens.count {
            if token < tokens.count {
                if case .run = tokens[token] {
                    retry = (token + 1, index)
                    token += 1
                    continue
                }
                if index < name.count, tokens[token].accepts(name[index]) {
                    token += 1
                    index += 1
                    continue
                }
            }
            guard let back = retry, back.index < name.count else { return false }
            retry = (back.token, back.index + 1)
            (token, index) = (back.token, back.index + 1)
        }
        return true
    }

    private func accepts(_ scalar: Unicode.Scalar) -> Bool {
        switch self {
        case .scalar(let own): own == scalar
        case .any: true
        case .run: false
        case .oneOf(let ranges, let negated): ranges.contains { $0.contains(scalar.value) } != negated
        }
    }
}

extension Glob {
    /// What an expansion tells whoever goes along: a watcher sets its watches before a directory is read, so that nothing
    /// that appears meanwhile is missed.
    typealias Visit = (_ directory: String) -> Void

    /// The paths that match, in byte order, each once.
    package func expand(cancel: CancelFlag) throws(AdapterError) -> [String] {
        try expand(cancel: cancel, willRead: { _ in })
    }

    func expand(cancel: CancelFlag, willRead: Visit) throws(AdapterError) -> [String] {
        var walk = Walk(cancel: cancel, text: text)
        for alternative in alternatives {
            try walk.follow(alternative, willRead)
        }
        return walk.found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The directories that an expansion starts in: the parts before the first pattern.
    package var roots: [String] {
        var roots: [String] = []
        for path in alternatives {
            var names: [String] = []
            for part in path.parts.dropLast() {
                guard case .literal(let name) = part else { break }
                names.append(name)
            }
            let joined = names.joined(separator: "/")
            let root = path.absolute ? "/" + joined : joined.isEmpty ? "." : joined
            if !roots.contains(root) { roots.append(root) }
        }
        return roots
    }

    /// Goes through the tree with a list of what is left to read, so that depth costs no stack.
    private struct Walk {
        struct Step: Hashable {
            var directory: String
            var part: Int
        }

        let cancel: CancelFlag
        let text: String
        var found: Set<String> = []
        var entries = 0

        mutating func follow(_ path: Glob.Path, _ willRead: Visit) throws(AdapterError) {
            guard !path.parts.isEmpty else {
                if path.absolute { found.insert("/") }
                return
            }
            var seen: Set<Step> = []
            var left = [Step(directory: path.absolute ? "/" : "", part: 0)]
            while let step = left.popLast() {
                try cancel.check()
                if seen.insert(step).inserted { try take(step, path.parts, &left, willRead) }
            }
        }

        private mutating func take(
            _ step: Step, _ parts: [Glob.Part], _ left: inout [Step], _ willRead: Visit
        ) throws(AdapterError) {
            let last = step.part == parts.count - 1
            if case .literal(let name) = parts[step.part] {
                let path = step.directory + name
                if !last {
                    left.append(Step(directory: path + "/", part: step.part + 1))
                } else {
                    // The file may come later: whoever watches must see its directory.
                    willRead(step.directory.isEmpty ? "." : step.directory)
                    var status = stat()
                    if lstat(path, &status) == 0 { try add(path) }
                }
                return
            }
            let tree = parts[step.part] == .tree
            if tree, !last { left.append(Step(directory: step.directory, part: step.part + 1)) }
            for entry in try read(step.directory, willRead) where parts[step.part].matches(entry.name) {
                let path = step.directory + entry.name
                if last { try add(path) }
                if tree {
                    if entry.isDirectory { left.append(Step(directory: path + "/", part: step.part)) }
                } else if !last, entry.isDirectory || (entry.isLink && isDirectory(path)) {
                    left.append(Step(directory: path + "/", part: step.part + 1))
                }
            }
        }

        /// A directory that is missing or closed to us holds no matches, as in a shell.
        private mutating func read(_ directory: String, _ willRead: Visit) throws(AdapterError) -> [DirectoryStream
            .Entry]
        {
            let path = directory.isEmpty ? "." : directory
            willRead(path)
            let read: [DirectoryStream.Entry]
            do throws(AdapterError) {
                read = try DirectoryStream.entries(of: path)
            } catch {
                switch error.code {
                case .notFound, .notDirectory, .permissionDenied, .symlinkLoop: return []
                default: throw error
                }
            }
            entries += read.count
            if entries > Glob.maxEntries { throw tooMany("looks at more than \(Glob.maxEntries) files") }
            return read
        }

        private func isDirectory(_ path: String) -> Bool {
            var status = stat()
            return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        }

        private mutating func add(_ path: String) throws(AdapterError) {
            found.insert(path)
            if found.count > Glob.maxMatches { throw tooMany("matches more than \(Glob.maxMatches) files") }
        }

        private func tooMany(_ what: String) -> AdapterError {
            AdapterError(.tooLarge, "the pattern \(quoted(text)) \(what); start it in a deeper directory")
        }
    }
}
