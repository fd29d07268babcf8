import Values

/// Turns the form after a backquote into code that builds it (as Clojure does, from `seq`, `concat`, `list`, …).
///
/// The form is walked with a stack of our own: nested backquotes make forms deeper than any text (N5).
struct SyntaxQuote {
    /// What one backquote may produce; nested ones multiply, so this ends what would take for ever.
    static let sizeLimit = 50_000

    private let context: CodeContext
    private let names: Names
    private let source: Source
    private var gensyms: [Name: Name] = [:]
    private var levels: [Level] = []
    private var size = 0

    /// A collection whose parts are being expanded.
    private struct Level {
        var form: Form
        /// The elements; a map's are keys and values by turns.
        var items: [Value]
        var places: [Span]
        var index = 0
        /// One argument of `concat` for each item done.
        var parts: [Value] = []
        /// When this is the metadata of another form: that form's expansion.
        var subject: Value?

        func place(_ index: Int) -> Span { index < places.count ? places[index] : form.span }
    }

    init(context: CodeContext, names: Names, source: Source) {
        self.context = context
        self.names = names
        self.source = source
    }

    mutating func expand(_ form: Form) throws(SyntaxError) -> Value {
        if call(.unquoteSplicing, form.value) != nil { throw spliceFailure(form.span) }
        if let done = try begin(form, subject: nil) { return done }
        return try run()
    }

    /// Expands what is on the stack until the bottom level is done.
    private mutating func run() throws(SyntaxError) -> Value {
        while true {
            let top = levels.count - 1
            let index = levels[top].index
            if index < levels[top].items.count {
                levels[top].index += 1
                let item = Form(levels[top].items[index], levels[top].place(index))
                if let spliced = call(.unquoteSplicing, item.value) {
                    levels[top].parts.append(spliced)
                } else if let expansion = try begin(item, subject: nil) {
                    levels[top].parts.append(list([.sym(.list), expansion], item.span))
                }
                continue
            }
            guard let expansion = try finish(levels.removeLast()) else { continue }
            guard let parent = levels.indices.last else { return expansion }
            let span = levels[parent].place(levels[parent].index - 1)
            levels[parent].parts.append(list([.sym(.list), expansion], span))
        }
    }

    /// The expansion of `form` when it is no collection; otherwise puts it on the stack and gives nil.
    private mutating func begin(_ form: Form, subject: Value?) throws(SyntaxError) -> Value? {
        size += 1
        guard size <= SyntaxQuote.sizeLimit else { throw sizeFailure(form.span) }
        if subject == nil, let unquoted = call(.unquote, form.value) { return unquoted }
        switch form.value {
        case .nil, .bool, .int, .double, .char, .keyword, .shortText, .longText: return form.value
        case .symbol(let name): return quoted(.symbol(symbol(name)), form.span)
        case .list(let list): push(form, list.elements ?? [], list.origin, subject)
        case .vector(let vector): push(form, vector.elements, vector.origin, subject)
        case .set(let set): push(form, set.elementVector().elements, set.origin, subject)
        case .map(let map):
            var items: [Value] = []
            map.forEach { (key, value) in
                items.append(key)
                items.append(value)
                return true
            }
            push(form, items, map.origin, subject)
        case .object(let object):
            guard let symbolObject = object as? SymbolObject else { return form.value }
            let plain = quoted(.symbol(symbol(symbolObject.name)), form.span)
            return try withMeta(plain, symbolObject.metadata, form)
        case .lazy, .seq, .function, .native: return quoted(form.value, form.span)
        }
        return nil
    }

    private mutating func push(_ form: Form, _ items: [Value], _ origin: Origin?, _ subject: Value?) {
        levels.append(Level(form: form, items: items, places: origin?.children ?? [], subject: subject))
    }

    /// The expansion of a finished level; nil when its metadata must be expanded first.
    private mutating func finish(_ level: Level) throws(SyntaxError) -> Value? {
        let span = level.form.span
        let made: Value
        var meta: HashMap?
        switch level.form.value {
        case .list(let list):
            meta = list.meta
            made = list.isEmpty ? self.list([.sym(.list)], span) : sequence(level)
        case .vector(let vector):
            meta = vector.meta
            made = list([.sym(.apply), .sym(.vector), sequence(level)], span)
        case .set(let set):
            meta = set.meta
            made = list([.sym(.apply), .sym(.hashSet), sequence(level)], span)
        case .map(let map):
            meta = map.meta
            made = list([.sym(.apply), .sym(.hashMap), sequence(level)], span)
        default: made = level.form.value
        }
        if let subject = level.subject { return list([.sym(.withMeta), subject, made], span) }
        return try withMeta(made, meta, level.form)
    }

    /// `(with-meta expansion meta)`: gives it when there is no metadata, otherwise puts the metadata on the stack.
    private mutating func withMeta(_ expansion: Value, _ meta: HashMap?, _ form: Form) throws(SyntaxError) -> Value? {
        guard let meta, !meta.isEmpty else { return expansion }
        return try begin(Form(.map(meta.with(nil)), form.span), subject: expansion)
    }

    /// `(seq (concat …))`
    private func sequence(_ level: Level) -> Value {
        let span = level.form.span
        return list([.sym(.seq), list([.sym(.concat)] + level.parts, span)], span)
    }

    private func quoted(_ value: Value, _ span: Span) -> Value { list([.sym(.quote), value], span) }

    private func list(_ elements: [Value], _ span: Span) -> Value {
        let origin = Origin(source: source, span: span, children: [Span](repeating: span, count: elements.count))
        return .list(Cons.list(elements, extra: Extra(meta: nil, origin: origin)))
    }

    /// The argument of `form` when that is `(head argument)`.
    private func call(_ head: KnownName, _ form: Value) -> Value? {
        guard case .list(let list) = form, list.count == 2, case .symbol(let name) = list.first, name.known == head,
            case .list(let rest) = list.rest
        else { return nil }
        return rest.first
    }

    private mutating func symbol(_ name: Name) -> Name {
        if !name.hasNamespace {
            let bytes = name.nameBytes
            if bytes.last == UInt8(ascii: "#") {
                if let known = gensyms[name] { return known }
                let made = names.intern(nil, "\(name.name.dropLast())__\(context.nextID())__auto__")
                gensyms[name] = made
                return made
            }
            // Host syntax: `.method` and `Class.` name no var.
            if bytes.first == UInt8(ascii: ".") { return name }
            // A name with a point inside is a class with its package.
            if bytes.dropLast().contains(UInt8(ascii: ".")) { return name }
            if bytes.count > 1, bytes.last == UInt8(ascii: ".") {
                let type = context.resolve(names.intern(nil, String(name.name.dropLast())))
                return names.intern(type.namespace, type.name + ".")
            }
        }
        return context.resolve(name)
    }
}

extension SyntaxQuote {
    private func spliceFailure(_ span: Span) -> SyntaxError {
        var diagnostic = Diagnostic(
            code: SyntaxCode.splice.rawValue, title: "`~@` needs a collection around it", at: .init(source, span))
        diagnostic.explanation = "It puts elements into the list, vector, map or set it stands in, and here is none."
        diagnostic.hint = "use `~` to insert one value"
        return SyntaxError(.splice, diagnostic)
    }

    private func sizeFailure(_ span: Span) -> SyntaxError {
        var diagnostic = Diagnostic(
            code: SyntaxCode.size.rawValue, title: "this syntax-quote makes more than \(SyntaxQuote.sizeLimit) forms",
            at: .init(source, span))
        diagnostic.explanation = "Each backquote inside another multiplies the code they make."
        diagnostic.hint = "build the inner form with functions instead of nested backquotes"
        return SyntaxError(.size, diagnostic)
    }
}
