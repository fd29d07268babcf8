import Values

/// Something that has begun and waits for forms: an open bracket, or a prefix such as `'`.
struct Frame {
    enum Kind: UInt8 {
        case list, vector, map, set
        /// `#(`
        case function
        /// The list after `#?` and `#?@`
        case conditional, splicingConditional
        // From here on, prefixes.
        case quote, deref, syntaxQuote, unquote, unquoteSplicing, varQuote
        /// `^`: the metadata, then the form.
        case meta
        case discard
        /// `#`: the tag, and when it is known the form.
        case tag, tagged
        /// `##`
        case symbolic
        /// `#:`: the namespace of the map that follows.
        case mapNamespace

        var isPrefix: Bool { rawValue >= Kind.quote.rawValue }
        var isCollection: Bool { rawValue <= Kind.function.rawValue }

        var opener: String {
            switch self {
            case .list: "("
            case .vector: "["
            case .map: "{"
            case .set: "#{"
            case .function: "#("
            case .conditional: "#?("
            case .splicingConditional: "#?@("
            case .quote: "'"
            case .deref: "@"
            case .syntaxQuote: "`"
            case .unquote: "~"
            case .unquoteSplicing: "~@"
            case .varQuote: "#'"
            case .meta: "^"
            case .discard: "#_"
            case .tag, .tagged: "#"
            case .symbolic: "##"
            case .mapNamespace: "#:"
            }
        }

        var closer: UInt8 {
            switch self {
            case .vector: 0x5d
            case .map, .set: 0x7d
            default: 0x29
            }
        }

        /// What people call it.
        var noun: String {
            switch self {
            case .list: "list"
            case .vector: "vector"
            case .map: "map"
            case .set: "set"
            case .function: "function literal"
            case .conditional, .splicingConditional: "reader conditional"
            default: "form"
            }
        }
    }

    var kind: Kind
    /// Whether a branch of a conditional was taken.
    var matched = false
    /// What a conditional waits for.
    var branch = Branch.feature
    /// Index of the first of its values.
    let base: Int
    /// Byte offset of its first byte.
    let start: Int
    /// The tag; the namespace of a namespaced map; the key of the branch being read.
    var name: Name?

    enum Branch: UInt8 {
        case feature, taken, skipped
    }
}

extension Reader {
    /// Opens a bracket of `kind` at `start` (the position unless given), whose opener is `width` bytes.
    mutating func open(_ kind: Frame.Kind, width: Int = 1, name: Name? = nil, start: Int? = nil) throws(SyntaxError) {
        let start = start ?? position
        guard frames.count < Reader.nestingLimit else { throw nestingFailure(Span(position, position + width)) }
        frames.append(Frame(kind: kind, base: values.count, start: start, name: name))
        position += width
    }

    /// Begins a prefix of `width` bytes at the position.
    mutating func push(_ kind: Frame.Kind, width: Int) throws(SyntaxError) { try open(kind, width: width) }

    /// Gives a finished value to what waits for one. Returns it as a form when nothing does.
    @inline(__always) mutating func accept(_ value: Value, _ span: Span) throws(SyntaxError) -> Form? {
        guard let top = frames.last else { return Form(value, span) }
        if top.kind.isCollection {
            values.append(value)
            if keepsPlaces { spans.append(span) }
            return nil
        }
        return try acceptSlowly(value, span)
    }

    @inline(never) private mutating func acceptSlowly(_ value: Value, _ span: Span) throws(SyntaxError) -> Form? {
        var form = Form(value, span)
        while let top = frames.last {
            if top.kind.isCollection {
                values.append(form.value)
                if keepsPlaces { spans.append(form.span) }
                return nil
            }
            if top.kind.isPrefix {
                guard let completed = try completePrefix(top, form) else { return nil }
                form = completed
            } else {
                try acceptBranch(form)
                return nil
            }
        }
        return form
    }

    /// The form that prefix `top` makes of `form`, or nil when it needs another or makes nothing.
    private mutating func completePrefix(_ top: Frame, _ form: Form) throws(SyntaxError) -> Form? {
        let span = Span(top.start, Int(form.span.end))
        switch top.kind {
        case .discard:
            frames.removeLast()
            if case .edn(let options) = dialect { options.discarded?(form.value) }
            return nil
        case .quote: return wrap(.quote, form, span)
        case .deref: return wrap(.deref, form, span)
        case .varQuote: return wrap(.var, form, span)
        case .unquote: return wrap(.unquote, form, span)
        case .unquoteSplicing: return wrap(.unquoteSplicing, form, span)
        case .syntaxQuote:
            frames.removeLast()
            guard case .code(let context) = dialect else { return form }
            var quoting = SyntaxQuote(context: context, names: names, source: source)
            return Form(try quoting.expand(form), span)
        case .meta:
            guard values.count > top.base else {
                values.append(.map(try metadata(form)))
                if keepsPlaces { spans.append(form.span) }
                return nil
            }
            if keepsPlaces { spans.removeLast() }
            guard case .map(let meta)? = values.popLast() else { return form }
            frames.removeLast()
            return try attach(meta, to: form, caret: top.start)
        case .tag:
            guard let tag = form.value.symbolName else { throw tagFailure(form) }
            frames[frames.count - 1].kind = .tagged
            frames[frames.count - 1].name = tag
            return nil
        case .tagged:
            frames.removeLast()
            guard let tag = top.name else { return form }
            return Form(try readTagged(tag, form, start: top.start), span)
        case .symbolic:
            frames.removeLast()
            return Form(try symbolicValue(form, start: top.start), span)
        case .mapNamespace:
            frames.removeLast()
            try openNamespacedMap(form, start: top.start)
            return nil
        case .list, .vector, .map, .set, .function, .conditional, .splicingConditional: return form
        }
    }

    /// `(head form)`
    private mutating func wrap(_ head: KnownName, _ form: Form, _ span: Span) -> Form {
        frames.removeLast()
        let prefix = Span(Int(span.start), Int(form.span.start))
        let origin = Origin(source: source, span: span, children: [prefix, form.span])
        let list = Cons(.sym(head), .list(Cons(form.value, .nil)), extra: Extra(meta: nil, origin: origin))
        return Form(.list(list), span)
    }

    /// Closes the innermost bracket with `byte`; returns a form when that completes one.
    mutating func close(_ byte: UInt8) throws(SyntaxError) -> Form? {
        guard let top = frames.last else { throw unmatchedFailure(byte) }
        guard !top.kind.isPrefix else { throw prefixFailure(top, closer: byte) }
        guard top.kind.closer == byte else { throw mismatchFailure(top, closer: byte) }
        position += 1
        let span = Span(top.start, position)
        if !top.kind.isCollection { return try closeConditional(top) }
        let value = try makeCollection(top, span)
        frames.removeLast()
        if keepsPlaces { spans.removeLast(spans.count - top.base) }
        return try accept(value, span)
    }

    private mutating func makeCollection(_ top: Frame, _ span: Span) throws(SyntaxError) -> Value {
        var extra: Extra?
        if keepsPlaces {
            extra = Extra(meta: nil, origin: Origin(source: source, span: span, children: Array(spans[top.base...])))
        }
        switch top.kind {
        case .vector:
            let vector = Vector(taking: values.base + top.base, count: values.count - top.base, extra: extra)
            values.forget(from: top.base)
            return .vector(vector)
        case .map: return try makeMap(top, extra)
        case .set: return try makeSet(top, extra)
        case .function: return makeFunction(makeList(from: top.base, extra), span)
        default: return .list(makeList(from: top.base, extra))
        }
    }

    private func makeList(from start: Int, _ extra: Extra?) -> Cons {
        defer { values.truncate(to: start) }
        guard values.count > start else { return extra == nil ? .empty : Cons.list([], extra: extra) }
        var rest = Value.nil
        var index = values.count - 1
        while index > start {
            rest = .list(Cons(values[index], rest))
            index -= 1
        }
        return Cons(values[start], rest, extra: extra)
    }

    private mutating func makeMap(_ top: Frame, _ extra: Extra?) throws(SyntaxError) -> Value {
        let count = values.count - top.base
        guard count & 1 == 0 else { throw try locating(top) { reader, top in reader.oddMapFailure(top) } }
        if let namespace = top.name {
            if let key = firstUnqualifiable(from: top.base) {
                throw try locating(top) { reader, top in reader.unqualifiableFailure(key, namespace, top) }
            }
            qualifyKeys(from: top.base, with: namespace)
        }
        let map: HashMap?
        do { map = try HashMap.taking(values.base + top.base, count: count / 2, extra: extra) } catch {
            throw faultFailure(error, top)
        }
        guard let map else { throw try locating(top) { reader, top in reader.duplicateFailure(top, step: 2) } }
        values.forget(from: top.base)
        return .map(map)
    }

    private mutating func makeSet(_ top: Frame, _ extra: Extra?) throws(SyntaxError) -> Value {
        let set: HashSet?
        do { set = try HashSet.taking(values.base + top.base, count: values.count - top.base, extra: extra) } catch {
            throw faultFailure(error, top)
        }
        guard let set else { throw try locating(top) { reader, top in reader.duplicateFailure(top, step: 1) } }
        values.forget(from: top.base)
        return .set(set)
    }

    /// The error that `failure` makes; when no places were kept, the collection is read again with them first, so that data
    /// pays for places only when it is wrong.
    private mutating func locating(
        _ top: Frame, _ failure: (inout Reader, Frame) -> SyntaxError
    ) throws(SyntaxError) -> SyntaxError {
        if keepsPlaces { return failure(&self, top) }
        var again = self
        again.keepsPlaces = true
        again.frames = []
        again.values = ValueStack()
        again.spans = []
        again.position = top.start
        _ = try again.readForm()
        return failure(&self, top)
    }

    /// The key, counted among the values, that cannot get a namespace: `:3` can be read, `:ns/3` cannot.
    private func firstUnqualifiable(from start: Int) -> Int? {
        for index in stride(from: start, to: values.count, by: 2) {
            if case .keyword(let name) = values[index], !name.hasNamespace, isDigit(name.nameBytes[0]) { return index }
        }
        return nil
    }

    /// `#:ns{…}`: keys without a namespace get `namespace`, those with `_` lose theirs.
    private mutating func qualifyKeys(from start: Int, with namespace: Name) {
        for index in stride(from: start, to: values.count, by: 2) {
            switch values[index] {
            case .keyword(let name): values[index] = .keyword(qualify(name, namespace))
            case .symbol(let name): values[index] = .symbol(qualify(name, namespace))
            default: break
            }
        }
    }

    private func qualify(_ name: Name, _ namespace: Name) -> Name {
        guard let own = name.namespaceBytes else {
            return names.intern(namespace: namespace.nameBytes, name: name.nameBytes)
        }
        return own.count == 1 && own[0] == 0x5f ? names.intern(namespace: nil, name: name.nameBytes) : name
    }
}
