import Values

// What follows a `#`.
extension Reader {
    /// Reads a form that begins with `#`, or opens what it begins; nil when there is no value yet.
    mutating func readDispatch() throws(SyntaxError) -> Value? {
        let start = position
        let byte = base[start + 1]
        switch byte {
        case 0x7b: try open(.set, width: 2)
        case 0x5f: try push(.discard, width: 2)
        case 0x23: try push(.symbolic, width: 2)
        case 0x5e: try push(.meta, width: 2)
        case 0x3a: try readMapNamespace()
        case 0x41...0x5a, 0x61...0x7a: try push(.tag, width: 1)
        case 0 where start + 1 == end: throw unfinishedFailure("#", "a form", start)
        default:
            if case .code(let context) = dialect, let value = try readCodeDispatch(byte, context) { return value }
            guard position == start else { return nil }
            let scalar = scalar(at: start + 1)
            guard byte >= 0x80, scalar <= 0xffff, Unicode.Scalar(scalar)?.properties.isAlphabetic == true else {
                throw dispatchFailure(Span(start, start + 1 + Text.width(byte)))
            }
            try push(.tag, width: 1)
        }
        return nil
    }

    /// What only code has after `#`: returns a value, or moves the position, or leaves it where it is not one of them.
    private mutating func readCodeDispatch(_ byte: UInt8, _ context: CodeContext) throws(SyntaxError) -> Value? {
        let start = position
        switch byte {
        case 0x27: try push(.varQuote, width: 2)
        case 0x22: return try readRegex(context)
        case 0x21: skipLine()
        case 0x28:
            guard arguments == nil else { throw nestedFunctionFailure(Span(start, start + 2)) }
            try open(.function, width: 2)
            arguments = FunctionArguments()
        case 0x3f:
            let splices = base[start + 2] == 0x40
            position = start + (splices ? 3 : 2)
            skipBlanks()
            guard base[position] == 0x28 else {
                if position == end { throw unfinishedFailure(splices ? "#?@" : "#?", "a list", start) }
                throw conditionalFailure(Span(start, position), "a reader conditional must be a list")
            }
            try open(splices ? .splicingConditional : .conditional, width: 1, start: start)
        case 0x3d: throw evaluationFailure(Span(start, start + 2))
        default: break
        }
        return nil
    }

    // Namespaced maps.

    private mutating func readMapNamespace() throws(SyntaxError) {
        let start = position
        guard case .code(let context) = dialect, base[start + 2] == 0x3a else {
            return try push(.mapNamespace, width: 2)
        }
        position = start + 3
        let nameStart = position
        var name = names.intern(nil, context.namespace())
        skipBlanks()
        if base[position] != 0x7b, position == nameStart, position < end {
            _ = try scanToken(from: position)
            let alias = string(nameStart, position)
            guard position > nameStart, isValidName(nameStart, position), !alias.utf8.contains(0x2f) else {
                throw mapNamespaceFailure(Span(start, position))
            }
            if let namespace = context.alias(alias) {
                name = names.intern(nil, namespace)
            } else if suppression == 0 {
                throw aliasFailure(alias, context, Span(nameStart, position))
            }
        }
        try openMap(name, start: start)
    }

    /// After `#:ns`.
    mutating func openNamespacedMap(_ form: Form, start: Int) throws(SyntaxError) {
        // The symbol `/` would give keys no reader takes: `//a`.
        guard let name = form.value.symbolName, !name.hasNamespace, name.nameBytes.first != 0x2f else {
            throw mapNamespaceFailure(Span(start, Int(form.span.end)))
        }
        try openMap(name, start: start)
    }

    private mutating func openMap(_ name: Name, start: Int) throws(SyntaxError) {
        skipBlanks()
        guard base[position] == 0x7b else {
            if position == end { throw unfinishedFailure("#:", "a map", start) }
            throw namespacedMapFailure(Span(start, position))
        }
        try open(.map, width: 1, name: name, start: start)
    }

    // Tags and symbolic values.

    func symbolicValue(_ form: Form, start: Int) throws(SyntaxError) -> Value {
        switch form.value.symbolName?.known {
        case .infinity: return .double(.infinity)
        case .minusInfinity: return .double(-.infinity)
        case .notANumber: return .double(.nan)
        default: throw symbolicFailure(Span(start, Int(form.span.end)))
        }
    }

    func readTagged(_ tag: Name, _ form: Form, start: Int) throws(SyntaxError) -> Value {
        let span = Span(start, Int(form.span.end))
        if suppression > 0 { return .nil }
        do {
            switch dialect {
            case .code(let context):
                if let value = try context.tagged(tag, form.value) { return value }
            case .edn(let options):
                if let handler = options.tagged, let value = try handler(tag, form.value) { return value }
            }
            switch tag.known {
            case .inst:
                if let text = form.value.textValue, let instant = Instant(parsing: text.utf8) {
                    return .object(instant)
                }
                throw taggedFailure("#inst", "an RFC 3339 time such as \"2024-01-31T12:00:00Z\"", form)
            case .uuid:
                if let text = form.value.textValue, let uuid = UUIDValue(parsing: text.utf8) { return .object(uuid) }
                throw taggedFailure("#uuid", "five groups of hexadecimal digits in a string", form)
            default: return try unknownTag(tag, form, span)
            }
        } catch let error as SyntaxError {
            throw error
        } catch let fault as Fault {
            throw tagFaultFailure(fault, tag, span)
        } catch {
            throw unknownTagFailure(tag, span)
        }
    }

    /// Throws a `SyntaxError` or the handler's `Fault`.
    private func unknownTag(_ tag: Name, _ form: Form, _ span: Span) throws -> Value {
        guard case .edn(let options) = dialect else { throw unknownTagFailure(tag, span) }
        switch options.unknownTag {
        case .refuse: throw unknownTagFailure(tag, span)
        case .keep: return .object(TaggedLiteral(tag: tag, form: form.value))
        case .handle(let handler): return try handler(tag, form.value)
        }
    }

    // Metadata.

    /// The map that the form after `^` stands for.
    func metadata(_ form: Form) throws(SyntaxError) -> HashMap {
        let key: Value
        let value: Value
        switch form.value {
        case .map(let map): return map.with(nil)
        case .keyword: (key, value) = (form.value, .true)
        case .shortText, .longText, .symbol: (key, value) = (.kw(.tag), form.value)
        case .object(let object) where object is SymbolObject: (key, value) = (.kw(.tag), form.value)
        case .vector where isCode: (key, value) = (.kw(.paramTags), form.value)
        default: throw metadataFailure(form)
        }
        var map = HashMap()
        do { try HashMap.set(&map, key, value) } catch { throw metadataFailure(form) }
        return map
    }

    /// `form` with `meta` on top of the metadata it has.
    func attach(_ meta: HashMap, to form: Form, caret: Int) throws(SyntaxError) -> Form {
        let span = Span(caret, Int(form.span.end))
        func merged(_ old: HashMap?) throws(SyntaxError) -> HashMap {
            guard var all = old else { return meta }
            var problem = false
            meta.forEach { (key, value) in
                do { try HashMap.set(&all, key, value) } catch { problem = true }
                return !problem
            }
            if problem { throw metadataFailure(form) }
            return all
        }
        func extra(_ old: Extra?) throws(SyntaxError) -> Extra {
            Extra(meta: try merged(old?.meta), origin: old?.origin)
        }
        switch form.value {
        case .symbol(let name): return Form(.object(SymbolObject(name, meta: meta)), span)
        case .vector(let vector): return Form(.vector(vector.with(try extra(vector.extra))), span)
        case .map(let map): return Form(.map(map.with(try extra(map.extra))), span)
        case .set(let set): return Form(.set(set.with(try extra(set.extra))), span)
        case .list(let list): return Form(.list(list.with(try extra(list.extra))), span)
        case .object(let object):
            if let changed = object.withMetadata(try merged(object.metadata)) { return Form(changed, span) }
        default: break
        }
        if suppression > 0 { return form }
        throw metadataTargetFailure(form, caret: caret)
    }

    // Reader conditionals.

    /// Takes one form of a conditional's list: a feature, or what it stands for.
    mutating func acceptBranch(_ form: Form) throws(SyntaxError) {
        let index = frames.count - 1
        switch frames[index].branch {
        case .feature:
            guard case .keyword(let feature) = form.value, case .code(let context) = dialect else {
                throw conditionalFailure(form.span, "a reader conditional's feature must be a keyword")
            }
            let holds = feature.known == .default || context.features.contains(feature)
            frames[index].name = feature
            if holds, !frames[index].matched {
                frames[index].branch = .taken
            } else {
                frames[index].branch = .skipped
                suppression += 1
            }
        case .taken:
            values.append(form.value)
            spans.append(form.span)
            frames[index].matched = true
            frames[index].branch = .feature
        case .skipped:
            suppression -= 1
            frames[index].branch = .feature
        }
    }

    mutating func closeConditional(_ top: Frame) throws(SyntaxError) -> Form? {
        let span = Span(top.start, position)
        guard top.branch == .feature else {
            throw conditionalFailure(span, "a reader conditional needs a form after each feature")
        }
        frames.removeLast()
        guard top.matched, let value = values.popLast(), let valueSpan = spans.popLast() else { return nil }
        guard top.kind == .splicingConditional else { return try accept(value, valueSpan) }
        guard suppression == 0 else { return nil }
        let elements: [Value]
        let places: [Span]
        switch value {
        case .vector(let vector): (elements, places) = (vector.elements, vector.origin?.children ?? [])
        case .list(let list): (elements, places) = (list.elements ?? [], list.origin?.children ?? [])
        default: throw conditionalFailure(valueSpan, "`#?@` splices a vector or a list")
        }
        guard !frames.isEmpty else { throw conditionalFailure(span, "`#?@` cannot splice at the top level") }
        for (index, element) in elements.enumerated() {
            if let form = try accept(element, index < places.count ? places[index] : valueSpan) { return form }
        }
        return nil
    }

    // Function literals.

    /// `%`, `%1`, `%&` inside `#()`.
    mutating func readArgument() throws(SyntaxError) -> Value {
        let start = position
        guard case .code(let context) = dialect else { return .nil }
        _ = try scanToken(from: start + 1)
        let index: Int
        switch position - start {
        case 1: index = 1
        case 2 where base[start + 1] == 0x26: index = 0
        default:
            let digits = string(start + 1, position)
            guard let number = Int(digits), (1...FunctionArguments.limit).contains(number) else {
                throw argumentFailure(Span(start, position))
            }
            index = number
        }
        return .symbol(arguments!.name(index, names, context.nextID))
    }

    /// `(fn* [p1 p2 & rest] body)`
    mutating func makeFunction(_ body: Cons, _ span: Span) -> Value {
        guard case .code(let context) = dialect, var made = arguments else { return .list(body) }
        arguments = nil
        var parameters: [Value] = []
        if made.highest > 0 {
            for index in 1...made.highest { parameters.append(.symbol(made.name(index, names, context.nextID))) }
        }
        if made.hasRest {
            parameters.append(.sym(.ampersand))
            parameters.append(.symbol(made.name(0, names, context.nextID)))
        }
        let places = [Span](repeating: span, count: parameters.count)
        let vector = Vector(
            parameters, extra: Extra(meta: nil, origin: Origin(source: source, span: span, children: places)))
        let origin = Origin(source: source, span: span, children: [span, span, span])
        return .list(Cons.list([.sym(.fnStar), .vector(vector), .list(body)], extra: Extra(meta: nil, origin: origin)))
    }
}

/// The arguments that a `#()` mentions.
struct FunctionArguments {
    /// As many as a function may name on the JVM.
    static let limit = 20

    /// By number; the rest parameter is at 0.
    private var names = [Name?](repeating: nil, count: limit + 1)
    private(set) var highest = 0

    var hasRest: Bool { names[0] != nil }

    /// The parameter's name, made at the first mention.
    mutating func name(_ index: Int, _ table: Names, _ nextID: () -> Int) -> Name {
        if let known = names[index] { return known }
        let made = table.intern(nil, (index == 0 ? "rest" : "p\(index)") + "__\(nextID())#")
        names[index] = made
        highest = max(highest, index)
        return made
    }
}
