import Machine
import Reader
import Values

/// The form in the script that an exception came from, and which part of it is to blame.
struct CallSite {
    private let exception: Exception
    /// The innermost frame that is the script's own.
    private let frame: TraceFrame?
    private let shape: SourceShape?

    init(_ exception: Exception) {
        self.exception = exception
        frame = exception.site
        shape = frame.flatMap { frame in
            frame.source.flatMap { source in frame.span.flatMap { SourceShape(source, $0) } }
        }
    }

    /// Where it is, without its part.
    var label: SourceLabel? {
        frame.flatMap { frame in frame.source.flatMap { source in frame.span.map { SourceLabel(source, $0) } } }
    }

    /// Sets the places of a diagnostic.
    func point(_ diagnostic: inout Diagnostic) {
        guard var label else { return }
        if let part = culprit {
            label.span = part.shape.span
            label.text = words(for: part, of: label.source)
        }
        if label.text == nil, let macro = frame?.macro, isAboutCode { label.text = "in what \(macro.name) expands to" }
        diagnostic.primary = label
        diagnostic.related += parameters + exception.related
    }

    /// Whether the code itself is wrong, as opposed to what it threw on purpose.
    private var isAboutCode: Bool {
        exception.suspect != nil || exception.type == .arity || exception.type == .compiler
    }

    // MARK: The part to blame

    /// A part of the form; a value that does not fit, or a call that failed.
    private struct Part {
        var shape: SourceShape
        var isValue = true
    }

    /// The argument that does not fit, when the form at fault is the call as it is written: arguments that a macro or `->`
    /// put in are not there to point at.
    private var culprit: Part? {
        guard let shape, let source = frame?.source, shape.isList, let head = shape.children.first else { return nil }
        let name = Names.split(head.text(in: source)).name
        guard let culprit = exception.culprit, culprit.callee == nil || culprit.callee == name else {
            return name == exception.mismatch?.operation ? literal(in: shape, source) : inner(shape, source)
        }
        guard culprit.argument >= 0 else { return frame?.macro == nil ? Part(shape: head) : nil }
        let arguments = Array(shape.children.dropFirst())
        if let count = culprit.count, arguments.count != count {
            // Several operations may be written as one call, as in `(+ a b c)`.
            return arguments.count > count ? literal(in: shape, source) : nil
        }
        return culprit.argument < arguments.count ? Part(shape: arguments[culprit.argument]) : nil
    }

    /// A call of the library's function that failed, when it stands within the form: its lazy sequence failed in what asked
    /// for it. Or the argument of it that is written as the value to blame.
    private func inner(_ form: SourceShape, _ source: Source) -> Part? {
        guard let operation = exception.mismatch?.operation, frame?.macro == nil,
            exception.trace.prefix(while: \.isLibrary).contains(where: { $0.definition?.name == operation })
        else { return nil }
        let calls = form.calls.filter { call in
            call.children.first.map { Names.split($0.text(in: source)).name == operation } ?? false
        }
        guard calls.count == 1 else { return nil }
        return literal(in: calls[0], source) ?? Part(shape: calls[0], isValue: false)
    }

    /// The only argument that is written as the value to blame.
    private func literal(in call: SourceShape, _ source: Source) -> Part? {
        guard let value = exception.suspect?.readable(within: source.bytes.count) else { return nil }
        let literals = call.children.dropFirst().filter { $0.children.isEmpty && $0.text(in: source) == value }
        return literals.count == 1 ? Part(shape: literals[0]) : nil
    }

    /// What the part is, unless it says so itself.
    private func words(for part: Part, of source: Source) -> String? {
        guard let value = exception.suspect, part.isValue else { return nil }
        if exception.isUncallable, let innermost = exception.trace.first, innermost.isLibrary {
            return "\(exception.culprit?.callee ?? "it") calls this"
        }
        let text = part.shape.text(in: source)
        if part.shape.isVector || text.first == "\"" || value.readable(within: text.utf8.count) == text { return nil }
        let shown = value.briefly
        return "this is \(shown.hasPrefix("the number ") ? String(shown.dropFirst(11)) : shown)"
    }

    // MARK: What was called

    /// Where the function that was called with the wrong number of arguments says what it takes.
    private var parameters: [SourceLabel] {
        guard exception.type == .arity || exception.type == .compiler, let callee = exception.callee,
            let source = callee.source, !source.isLibrary,
            let span = callee.span, let shape = SourceShape(source, span)
        else { return [] }
        let lists = shape.parameterLists
        return lists.prefix(6).enumerated().map { index, list in
            SourceLabel(source, list.span, index == 0 ? "what it takes" : "or this")
        }
    }
}
