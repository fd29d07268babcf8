import Values

/// A form of a source, or a comment, with everything that the reader leaves out: what the formatter moves around.
struct SourceNode {
    enum Kind { case atom, comment, prefixed, list, vector, map, set }

    var kind: Kind
    /// The atom, the comment, the prefix, or the opening bracket.
    var token: SourceToken
    var children: [SourceNode] = []
    var close: SourceToken?
    /// Columns up to its first line break, comments at the end of a line not counted.
    var firstLine: Int
    /// Whether it ends on the line that it begins on.
    var isOneLine: Bool

    /// The byte offset after it.
    var end: Int { close?.bytes.upperBound ?? children.last?.end ?? token.bytes.upperBound }

    /// Comments and what `#_` hides are no elements of a list: they do not count as its head or its arguments.
    func isElement(in bytes: [UInt8]) -> Bool {
        switch kind {
        case .comment: false
        case .prefixed: !bytes[token.bytes].elementsEqual("#_".utf8)
        default: true
        }
    }
}

/// What a source holds, without reading it as values.
package enum SourceOutline {
    static func nodes(of source: Source) throws(SyntaxError) -> [SourceNode] {
        let dialect = Dialect.code(SourceFormatter.permissiveContext(Names()))
        var reader = Reader(source, names: Names(), dialect: dialect)
        while try reader.next() != nil {}
        return try SourceTree.nodes(of: source, dialect: dialect)
    }

    /// The text of the form at the top level that a place is in; nil where none is.
    package static func form(in source: Source, at place: Position) throws(SyntaxError) -> String? {
        let offset = source.offset(of: place)
        for node in try nodes(of: source) where node.kind != .comment {
            let range = node.token.bytes.lowerBound..<node.end
            if range.contains(offset) { return String(decoding: source.bytes[range], as: UTF8.self) }
        }
        return nil
    }

    /// The line on which a list at the top level behind `offset` defines this name: whose second element it is, after
    /// metadata; nil when none does, or when the text cannot be read to its end.
    package static func line(ofDefinition name: String, in source: Source, after offset: Int) -> Int? {
        guard let nodes = try? nodes(of: source) else { return nil }
        for node in nodes where node.kind == .list && node.token.bytes.lowerBound > offset {
            let elements = node.children.filter { $0.isElement(in: source.bytes) }
            guard elements.count > 1, var defined = elements.dropFirst().first,
                source.bytes[elements[0].token.bytes].starts(with: Array("def".utf8))
            else { continue }
            while defined.kind == .prefixed, let last = defined.children.last { defined = last }
            if source.bytes[defined.token.bytes].elementsEqual(Array(name.utf8)) {
                return source.position(of: node.token.bytes.lowerBound).line
            }
        }
        return nil
    }

    /// The symbols that the lists at the top level begin with.
    package static func heads(of source: Source) throws(SyntaxError) -> [String] {
        try nodes(of: source).compactMap { node in
            guard node.kind == .list, let head = node.children.first(where: { $0.isElement(in: source.bytes) }),
                head.kind == .atom
            else { return nil }
            return String(decoding: source.bytes[head.token.bytes], as: UTF8.self)
        }
    }
}

/// Puts the tokens of a source together.
struct SourceTree {
    private var reader: Reader
    private let bytes: [UInt8]
    private var lookahead: SourceToken?

    /// The nodes of a source that was read before without an error, and whatever blank is left after the last.
    static func nodes(of source: Source, dialect: Dialect) throws(SyntaxError) -> [SourceNode] {
        var tree = SourceTree(
            reader: Reader(source, names: Names(), dialect: dialect), bytes: source.bytes, lookahead: nil)
        try tree.advance()
        var nodes: [SourceNode] = []
        while let token = tree.lookahead { nodes.append(try tree.node(token)) }
        return nodes
    }

    private mutating func advance() throws(SyntaxError) { lookahead = try reader.nextToken() }

    /// The node that begins with `token`, which is the lookahead.
    private mutating func node(_ token: SourceToken) throws(SyntaxError) -> SourceNode {
        try advance()
        switch token.kind {
        // A closing bracket cannot stand here in a source that was read.
        case .atom, .close: return leaf(.atom, token)
        case .comment: return leaf(.comment, token)
        case .open: return try collection(token)
        case .prefix(let forms): return try prefixed(token, forms)
        }
    }

    private func leaf(_ kind: SourceNode.Kind, _ token: SourceToken) -> SourceNode {
        let lines = Columns.ofFirstLine(bytes[token.bytes])
        return SourceNode(
            kind: kind, token: token, firstLine: lines.columns, isOneLine: lines.isWhole && kind != .comment)
    }

    private mutating func collection(_ open: SourceToken) throws(SyntaxError) -> SourceNode {
        let kind: SourceNode.Kind
        switch bytes[open.bytes.upperBound - 1] {
        case UInt8(ascii: "("): kind = .list
        case UInt8(ascii: "["): kind = .vector
        default: kind = open.bytes.count == 1 ? .map : .set
        }
        var children: [SourceNode] = []
        while let token = lookahead {
            if case .close = token.kind {
                try advance()
                return measured(kind, open, children, close: token)
            }
            children.append(try node(token))
        }
        return measured(kind, open, children, close: nil)
    }

    private mutating func prefixed(_ prefix: SourceToken, _ forms: Int) throws(SyntaxError) -> SourceNode {
        var children: [SourceNode] = []
        var missing = forms
        while missing > 0, let token = lookahead {
            let child = try node(token)
            if child.isElement(in: bytes) { missing -= 1 }
            children.append(child)
        }
        return measured(.prefixed, prefix, children, close: nil)
    }

    /// A node of other nodes, with its first line measured as it will be written when no line is broken anew.
    private func measured(
        _ kind: SourceNode.Kind, _ token: SourceToken, _ children: [SourceNode], close: SourceToken?
    ) -> SourceNode {
        var columns = Columns.count(bytes[token.bytes])
        var isOneLine = true
        for (index, child) in children.enumerated() where isOneLine {
            guard child.token.lineBreaks == 0, child.kind != .comment else {
                isOneLine = false
                break
            }
            if kind == .prefixed {
                columns += Blanks.within(child.token.blank, bytes).count
            } else if index > 0 {
                columns += Blanks.between(child.token.blank, bytes).count
            }
            columns += child.firstLine
            isOneLine = child.isOneLine
        }
        if isOneLine, let close {
            isOneLine = close.lineBreaks == 0
            if isOneLine { columns += 1 }
        }
        return SourceNode(
            kind: kind, token: token, children: children, close: close, firstLine: columns, isOneLine: isOneLine)
    }
}

/// White space of a source as the formatter writes it. Commas are white space that people put there for readers: they stay.
enum Blanks {
    /// Between a prefix and its form on one line: what stands there, as blanks and commas.
    static func within(_ blank: Range<Int>, _ bytes: [UInt8]) -> [UInt8] {
        // A white space character beyond ASCII has one byte that begins it.
        bytes[blank].compactMap { byte in
            byte == UInt8(ascii: ",") ? byte : byte & 0xc0 == 0x80 ? nil : UInt8(ascii: " ")
        }
    }

    /// Between two forms on one line: the same, and at least one blank.
    static func between(_ blank: Range<Int>, _ bytes: [UInt8]) -> [UInt8] {
        blank.isEmpty ? [UInt8(ascii: " ")] : within(blank, bytes)
    }

    /// The commas at the end of a line.
    static func commas(_ blank: Range<Int>, _ bytes: [UInt8]) -> [UInt8] {
        bytes[blank].prefix { $0 != 0x0a && $0 != 0x0d }.filter { $0 == UInt8(ascii: ",") }
    }
}

/// Terminal columns.
enum Columns {
    static func count(_ bytes: ArraySlice<UInt8>) -> Int {
        if bytes.allSatisfy({ $0 < 0x80 }) { return bytes.count }
        return String(decoding: bytes, as: UTF8.self).unicodeScalars.reduce(0) { $0 + SourceLine.width(of: $1) }
    }

    /// The columns of the first line of a token, and whether that is all of it.
    static func ofFirstLine(_ bytes: ArraySlice<UInt8>) -> (columns: Int, isWhole: Bool) {
        guard let end = bytes.firstIndex(of: 0x0a) else { return (count(bytes), true) }
        return (count(bytes[..<end]), false)
    }

    /// The column after a token that begins at `column`.
    static func after(_ bytes: ArraySlice<UInt8>, from column: Int) -> Int {
        guard let last = bytes.lastIndex(of: 0x0a) else { return column + count(bytes) }
        return count(bytes[(last + 1)...])
    }
}
