import Values

/// Formats source text: `sluice fmt`.
///
/// What the reader sees stays as it is written, byte for byte: only white space between forms changes. Lines that the author
/// broke stay broken, and are indented; lines that are longer than `width` are broken where that helps. Formatting what is
/// formatted changes nothing.
package enum SourceFormatter {
    /// Columns that a line may have before it is broken.
    package static let width = 120

    /// The formatted text of a source.
    ///
    /// - Parameter isData: the text is EDN, not code.
    /// - Throws: `SyntaxError` for what the reader refuses, but for what depends on other code: aliases, tags and the like.
    package static func format(
        _ source: Source, isData: Bool = false, width: Int = SourceFormatter.width
    ) throws(SyntaxError) -> [UInt8] {
        let names = Names()
        let dialect = isData ? Dialect.edn(EDNOptions(unknownTag: .keep)) : .code(permissiveContext(names))
        var reader = Reader(source, names: names, dialect: dialect)
        while try reader.next() != nil {}
        var layout = SourceLayout(source.bytes, width: width)
        layout.write(try SourceTree.nodes(of: source, dialect: dialect))
        return layout.output
    }

    /// Reads code of which nothing else is known: every alias, tag and regular expression stands for something of its own, so
    /// that no two of them are duplicates.
    static func permissiveContext(_ names: Names) -> CodeContext {
        let count = Serial()
        func unique() -> Value { .object(TaggedLiteral(tag: names.intern("unread"), form: .int(count.next()))) }
        var context = CodeContext(
            resolve: { $0 }, namespace: { " here" }, alias: { " \($0)" }, nextID: { Int(count.next()) },
            regex: { (_) throws(Fault) in unique() })
        context.tagged = { (tag, _) throws(Fault) in tag.known == .inst || tag.known == .uuid ? nil : unique() }
        return context
    }

    private final class Serial {
        private var last: Int64 = 0
        func next() -> Int64 {
            last += 1
            return last
        }
    }
}

/// Writes nodes with the white space that belongs between them.
struct SourceLayout {
    private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

    private(set) var output: [UInt8] = []
    private let bytes: [UInt8]
    private let width: Int
    private var column = 0
    /// Line breaks written so far.
    private var line = 0

    /// What a node is to the one around it.
    private enum Role {
        case plain
        /// A vector of names and values.
        case bindings
        /// A vector of functions.
        case functions
        /// A list that is a name, parameters and a body.
        case method
    }

    init(_ bytes: [UInt8], width: Int) {
        self.bytes = bytes
        self.width = width
    }

    /// Writes the nodes of a file, and one line break at its end.
    mutating func write(_ nodes: [SourceNode]) {
        // A byte order mark is left out; but a name that begins with the same bytes would be one at the very start.
        if let first = nodes.first?.token.bytes, bytes[first].starts(with: SourceLayout.byteOrderMark) {
            output.append(contentsOf: SourceLayout.byteOrderMark)
        }
        for (index, node) in nodes.enumerated() {
            if index > 0 { separate(node, lineBreaks: node.token.lineBreaks, indentation: 0) }
            write(node, .plain, tail: 0)
        }
        if !nodes.isEmpty { output.append(0x0a) }
    }

    /// - Parameter tail: how many columns the closing brackets after the node need.
    private mutating func write(_ node: SourceNode, _ role: Role, tail: Int) {
        switch node.kind {
        case .atom: emit(bytes[node.token.bytes])
        case .comment: emit(SourceLayout.trimmed(bytes[node.token.bytes]))
        case .prefixed: writePrefixed(node, role, tail)
        case .list, .vector, .map, .set: writeCollection(node, role, tail)
        }
    }

    private mutating func writePrefixed(_ node: SourceNode, _ role: Role, _ tail: Int) {
        let start = column
        emit(bytes[node.token.bytes])
        // A conditional's list holds features and forms by turns.
        let isConditional = bytes[node.token.bytes].starts(with: "#?".utf8)
        for (index, child) in node.children.enumerated() {
            let lineBreaks = child.token.lineBreaks
            if lineBreaks > 0 {
                separate(child, lineBreaks: lineBreaks, indentation: start)
            } else {
                emit(Blanks.within(child.token.blank, bytes)[...])
            }
            let isLast = index == node.children.count - 1
            write(child, isConditional ? .bindings : role, tail: isLast ? tail : 0)
        }
    }

    private mutating func writeCollection(_ node: SourceNode, _ role: Role, _ tail: Int) {
        var frame = frame(node, role, tail)
        emit(bytes[node.token.bytes])
        frame.inner = column
        for (index, child) in node.children.enumerated() {
            let isLast = index == node.children.count - 1
            let childTail = isLast && node.close?.lineBreaks == 0 ? 1 + tail : 0
            place(child, isFirst: index == 0, tail: childTail, &frame)
            write(child, frame.role(of: child), tail: childTail)
            if child.isElement(in: bytes) { frame.elements += 1 }
        }
        guard let close = node.close else { return }
        if close.lineBreaks > 0 { breakLine(close.lineBreaks, indentation: frame.indentation) }
        emit(bytes[close.bytes])
    }

    /// Moves to where a child of a collection begins.
    private mutating func place(_ child: SourceNode, isFirst: Bool, tail: Int, _ frame: inout Frame) {
        var lineBreaks = child.token.lineBreaks
        if isFirst {
            if lineBreaks > 0 { breakLine(lineBreaks, indentation: frame.indentation) }
        } else {
            let blank = Blanks.between(child.token.blank, bytes).count
            if lineBreaks == 0, child.isElement(in: bytes) {
                if frame.isSpread, frame.isBreakPoint { lineBreaks = 1 }
                let needed = child.firstLine + (child.isOneLine ? tail : 0)
                if frame.isMovable, column + blank + needed > width, frame.indentationWhenMoved < column + blank {
                    lineBreaks = 1
                }
            }
            if lineBreaks > 0, frame.isAtBody { frame.bodyBeginsLine = true }
            separate(child, lineBreaks: lineBreaks, indentation: frame.indentation)
        }
        let followsHead = !isFirst && frame.elements == 1 && child.kind != .comment
        if followsHead, line == frame.line, frame.firstArgument == nil { frame.firstArgument = column }
    }

    /// Writes what stands between a node and the one before it.
    private mutating func separate(_ node: SourceNode, lineBreaks: Int, indentation: Int) {
        if lineBreaks > 0 {
            emit(Blanks.commas(node.token.blank, bytes)[...])
            breakLine(lineBreaks, indentation: indentation)
        } else {
            emit(Blanks.between(node.token.blank, bytes)[...])
        }
    }

    private mutating func breakLine(_ count: Int, indentation: Int) {
        // A blank or a comma before a line break is trailing white space, unless a token ends with it.
        output.append(contentsOf: repeatElement(0x0a, count: count))
        output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indentation))
        column = indentation
        line += count
    }

    private mutating func emit(_ token: ArraySlice<UInt8>) {
        output.append(contentsOf: token)
        column = Columns.after(token, from: column)
        line += token.count { $0 == 0x0a }
    }

    private static func trimmed(_ comment: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var comment = comment
        while let last = comment.last, last == UInt8(ascii: " ") || last == 0x09 { comment.removeLast() }
        return comment
    }
}

extension SourceLayout {
    /// A collection that is being written.
    private struct Frame {
        var rule: IndentationRule
        /// The columns of its bracket, and after that.
        var start: Int
        var inner = 0
        /// The node is one line that is too long: all its break points become line breaks.
        var isSpread: Bool
        /// The first element that a spread list puts on a line of its own; nil to fill lines.
        var spreadsFrom: Int?
        /// Elements written so far.
        var elements = 0
        /// The line that it begins on.
        var line: Int
        /// The column of what follows the head on its line.
        var firstArgument: Int?
        /// Whether the body of a block begins a line.
        var bodyBeginsLine: Bool
        var isList: Bool
        /// What lists in it are.
        var listRole: Role

        /// The next element is the first of a block's body.
        var isAtBody: Bool {
            if case .block(let arguments) = rule.style { return elements == arguments + 1 }
            return false
        }

        /// Where the next child stands when it begins a line.
        var indentation: Int {
            guard isList, elements > 0 else { return inner }
            switch rule.style {
            case .data: return inner
            case .body: return start + 2
            case .call: return firstArgument ?? inner
            case .block(let arguments):
                if elements > arguments { return bodyBeginsLine ? start + 2 : firstArgument ?? inner }
                // An argument that is no part of the body must not look like it.
                return firstArgument ?? start + 4
            }
        }

        /// The same, for an element that would not begin a line if it were not moved.
        var indentationWhenMoved: Int { isAtBody ? start + 2 : indentation }

        /// Whether a line may be broken before the next element.
        var isMovable: Bool {
            guard isList else { return elements > 0 }
            switch rule.style {
            case .data: return elements > 0
            case .call, .body: return elements > 1
            case .block(let arguments): return elements > max(1, arguments)
            }
        }

        /// Whether a list that is spread has a line break before the next element.
        var isBreakPoint: Bool {
            guard let from = spreadsFrom, elements >= from else { return false }
            guard let pairs = rule.pairsFrom else { return true }
            return elements >= pairs && (elements - pairs).isMultiple(of: 2)
        }

        func role(of child: SourceNode) -> Role {
            switch child.kind {
            case .vector where isList && elements == 1:
                rule.bindsNames ? .bindings : rule.bindsFunctions ? .functions : .plain
            case .list, .prefixed: listRole
            default: .plain
            }
        }
    }

    private func frame(_ node: SourceNode, _ role: Role, _ tail: Int) -> Frame {
        let rule = rule(of: node, role)
        var frame = Frame(
            rule: rule, start: column + node.token.bytes.count - 1,
            isSpread: node.isOneLine && column + node.firstLine + tail > width,
            line: line, bodyBeginsLine: false, isList: node.kind == .list,
            listRole: rule.holdsMethods || role == .functions ? .method : .plain)
        frame.spreadsFrom = spreadsFrom(node, rule)
        if case .block(let arguments) = rule.style { frame.bodyBeginsLine = beginsLine(argument: arguments, node) }
        return frame
    }

    private func rule(of node: SourceNode, _ role: Role) -> IndentationRule {
        guard node.kind == .list, role != .bindings else {
            return IndentationRule(style: .data, pairsFrom: node.kind == .map || role == .bindings ? 0 : nil)
        }
        if role == .method { return .body }
        guard let head = node.children.first(where: { $0.isElement(in: bytes) }) else { return .data }
        switch head.kind {
        case .vector: return .data
        case .list, .map, .set, .prefixed, .comment: return .call
        case .atom: return rule(ofHead: head)
        }
    }

    private func rule(ofHead head: SourceNode) -> IndentationRule {
        let text = bytes[head.token.bytes]
        switch text.first {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "#"), .some(0x30...0x39): return .data
        case UInt8(ascii: ":"): return .call
        default: return .of(symbol: String(decoding: text, as: UTF8.self))
        }
    }

    /// The first element that stands on a line of its own in a list that does not fit one.
    private func spreadsFrom(_ node: SourceNode, _ rule: IndentationRule) -> Int? {
        if rule.pairsFrom == 0 { return 2 }
        guard node.kind == .list else { return nil }
        switch rule.style {
        case .data: return nil
        case .call: return 2
        case .block(let arguments): return arguments + 1
        case .body:
            // What a function or a definition begins with stays on its first line, up to the parameters.
            let elements = node.children.filter { $0.isElement(in: bytes) }
            return max(2, (elements.firstIndex { $0.kind == .vector } ?? 1) + 1)
        }
    }

    /// Whether an argument begins a line, or will; an argument that is not there counts as one that does.
    private func beginsLine(argument: Int, _ node: SourceNode) -> Bool {
        if node.isOneLine { return false }
        var elements = 0
        for child in node.children {
            if elements == argument + 1, child.isElement(in: bytes) { return child.token.lineBreaks > 0 }
            if child.isElement(in: bytes) { elements += 1 }
        }
        return true
    }
}
