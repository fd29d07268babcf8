import Values

/// How one form is written: its brackets and where its parts stand, for pointing at one of them.
package struct SourceShape {
    /// The first byte: an opening bracket, `#` or `'` and its kin, or what an atom begins with.
    package let opener: UInt8
    package let span: Span
    /// Elements; comments and what `#_` hides left out.
    package let children: [SourceShape]

    /// A list, or a function literal.
    package let isList: Bool
    package var isVector: Bool { opener == UInt8(ascii: "[") }

    /// The form that `span` of a source holds; nil when it is none.
    package init?(_ source: Source, _ span: Span) {
        let range = Int(span.start)..<Int(span.end)
        guard range.upperBound <= source.bytes.count, !range.isEmpty else { return nil }
        let piece = Source(name: source.name, bytes: Array(source.bytes[range]))
        guard let node = (try? SourceOutline.nodes(of: piece))?.first(where: { $0.isElement(in: piece.bytes) })
        else { return nil }
        self.init(node, piece.bytes, from: range.lowerBound)
    }

    private init(_ node: SourceNode, _ bytes: [UInt8], from offset: Int) {
        opener = bytes[node.token.bytes.lowerBound]
        isList = node.kind == .list
        span = Span(offset + node.token.bytes.lowerBound, offset + node.end)
        children = node.children.filter { $0.isElement(in: bytes) }.map { SourceShape($0, bytes, from: offset) }
    }

    /// The lists within the form, itself included.
    package var calls: [SourceShape] { (isList ? [self] : []) + children.flatMap(\.calls) }

    /// The text of the form.
    package func text(in source: Source) -> String {
        String(decoding: source.bytes[Int(span.start)..<Int(span.end)], as: UTF8.self)
    }

    /// The parameter vectors of a function's form: of `defn`, `fn` and the clauses of either.
    package var parameterLists: [SourceShape] {
        guard isList else { return [] }
        if let first = children.first, first.isVector { return [first] }
        if let only = children.dropFirst().first(where: \.isVector) { return [only] }
        return children.dropFirst().flatMap { child in
            child.children.first?.isVector == true ? child.parameterLists : []
        }
    }
}
