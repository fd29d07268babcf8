import Values

// What is said about each way in which a text can be wrong: all of the reader's messages.
extension Reader {
    private func make(_ code: SyntaxCode, _ title: String, _ span: Span, _ label: String? = nil) -> Diagnostic {
        Diagnostic(code: code.rawValue, title: title, at: .init(source, span, label))
    }

    private func failure(
        _ code: SyntaxCode, _ title: String, _ span: Span, because explanation: String? = nil, hint: String? = nil
    ) -> SyntaxError {
        var diagnostic = make(code, title, span)
        diagnostic.explanation = explanation
        diagnostic.hint = hint
        return SyntaxError(code, diagnostic)
    }

    private func text(_ span: Span) -> String { string(Int(span.start), Int(span.end)) }

    /// The text of a span for a title: short, and on one line.
    private func brief(_ span: Span) -> String {
        let whole = text(span)
        let line = whole.prefix { !$0.isNewline }
        return line.count <= 40 && line.count == whole.count ? whole : "\(line.prefix(36))…"
    }

    // Bytes.

    func encodingFailure(at offset: Int) -> SyntaxError {
        let byte = String(base[offset], radix: 16, uppercase: true)
        return failure(
            .encoding, "this is not UTF-8 text", Span(offset, offset + 1),
            because: "Byte 0x\(byte) cannot stand here in UTF-8. The file may be binary, or saved in another encoding.",
            hint: "save the file as UTF-8")
    }

    func nulFailure(at offset: Int) -> SyntaxError {
        failure(
            .nul, "a NUL byte (U+0000) in the text", Span(offset, offset + 1),
            because: "Text has none outside of data strings. The file may be binary, or saved as UTF-16.",
            hint: "save the file as UTF-8; in a string write \\u0000")
    }

    // Brackets.

    /// The text ended inside a form: points at the bracket or prefix that waits, and where that was noticed.
    func unclosedFailure() -> SyntaxError {
        if let top = frames.last, top.kind.isPrefix, marginForm == nil {
            return unfinishedFailure(top.kind.opener, Reader.needs(top.kind), top.start)
        }
        let suspect = marginForm
        let bracketed = frames.filter { !$0.kind.isPrefix }
        guard let open = bracketed.last(where: { $0.start < suspect ?? .max }) ?? frames.last else {
            return unfinishedFailure("", "a form", end)
        }
        let opener = open.kind.opener
        let closer = String(UnicodeScalar(open.kind.closer))
        var diagnostic = make(
            .unclosed, "unclosed \(open.kind.noun)", Span(open.start, open.start + opener.utf8.count), "opened here")
        if let suspect {
            diagnostic.related = [.init(source, Span(suspect, suspect + 1), "a new form starts at the margin")]
            diagnostic.explanation = "The text ends inside this \(open.kind.noun)."
            diagnostic.hint = "a `\(closer)` is probably missing before line \(source.position(of: suspect).line)"
        } else {
            diagnostic.related = [.init(source, textEnd, "the text ends here")]
            let all = bracketed.reversed().map { String(UnicodeScalar($0.kind.closer)) }.joined()
            let rest = all.count > 1 && all.count < 40 ? "; `\(all)` closes all that is open" : ""
            diagnostic.hint = "close it with `\(closer)`\(rest)"
        }
        diagnostic.expected = "`\(closer)`"
        diagnostic.found = "the end of the text"
        return SyntaxError(.unclosed, diagnostic, isIncomplete: true)
    }

    /// Just after the last character that is no white space.
    private var textEnd: Span {
        var last = end
        while last > 0, classes[Int(base[last - 1])].contains(.space) { last -= 1 }
        return Span(last, last)
    }

    /// The first form inside an open bracket that begins a line without indentation, as only top-level forms do.
    private var marginForm: Int? {
        guard let first = frames.first else { return nil }
        var found: Int?
        for start in spans.map({ Int($0.start) }) + frames.dropFirst().map(\.start) {
            guard start > first.start, source.bytes[start] == 0x28, source.bytes[start - 1] == 0x0a else { continue }
            found = min(found ?? start, start)
        }
        return found
    }

    func mismatchFailure(_ top: Frame, closer: UInt8) -> SyntaxError {
        let wanted = String(UnicodeScalar(top.kind.closer))
        let found = String(UnicodeScalar(closer))
        let opener = top.kind.opener
        var diagnostic = make(
            .mismatched, "`\(found)` does not close the \(top.kind.noun)", Span(position, position + 1),
            "expected `\(wanted)`")
        diagnostic.related = [.init(source, Span(top.start, top.start + opener.utf8.count), "opened here")]
        diagnostic.expected = "`\(wanted)`"
        diagnostic.found = "`\(found)`"
        let matches = frames.dropLast().contains { !$0.kind.isPrefix && $0.kind.closer == closer }
        diagnostic.hint = matches ? "add `\(wanted)` before it" : "replace it with `\(wanted)`"
        return SyntaxError(.mismatched, diagnostic)
    }

    func unmatchedFailure(_ closer: UInt8) -> SyntaxError {
        failure(
            .unmatched, "unmatched `\(UnicodeScalar(closer))`", Span(position, position + 1),
            because: "Nothing is open here.", hint: "remove it, or look for a bracket that was closed too early")
    }

    static func needs(_ kind: Frame.Kind) -> String {
        switch kind {
        case .meta: "metadata and a form"
        case .tag: "a tag and a form"
        case .symbolic: "Inf, -Inf or NaN"
        case .mapNamespace: "a namespace and a map"
        default: "a form"
        }
    }

    func prefixFailure(_ top: Frame, closer: UInt8) -> SyntaxError {
        var diagnostic = make(
            .unfinished, "`\(top.kind.opener)` needs \(Reader.needs(top.kind)) after it",
            Span(top.start, top.start + top.kind.opener.utf8.count))
        diagnostic.related = [.init(source, Span(position, position + 1), "found `\(UnicodeScalar(closer))`")]
        diagnostic.expected = Reader.needs(top.kind)
        diagnostic.found = "`\(UnicodeScalar(closer))`"
        if top.kind.opener == "'" { diagnostic.hint = "a character is written `\\a`, and text stands in double quotes" }
        return SyntaxError(.unfinished, diagnostic)
    }

    func unfinishedFailure(_ prefix: String, _ expected: String, _ start: Int) -> SyntaxError {
        var diagnostic = make(
            .unfinished, "the text ends where `\(prefix)` needs \(expected)", Span(start, start + prefix.utf8.count))
        diagnostic.expected = expected
        diagnostic.found = "the end of the text"
        return SyntaxError(.unfinished, diagnostic, isIncomplete: true)
    }

    func nestingFailure(_ span: Span) -> SyntaxError {
        failure(
            .nesting, "forms nest more than \(Reader.nestingLimit) deep", span,
            because: "That is the limit, so that no text can exhaust the stack of whoever walks its forms.",
            hint: "build deep data with code, or store it flat")
    }

    // Maps and sets.

    func oddMapFailure(_ top: Frame) -> SyntaxError {
        guard let last = spans.last else {
            return failure(.oddMap, "a map needs a value for each key", Span(top.start, position))
        }
        var diagnostic = make(.oddMap, "a map needs a value for each key", last, "this key has no value")
        diagnostic.related = [.init(source, Span(top.start, top.start + 1), "the map")]
        diagnostic.explanation = "It has \(values.count - top.base) forms, an odd number."
        diagnostic.hint = "look for a missing value or a stray form before it"
        return SyntaxError(.oddMap, diagnostic)
    }

    /// `step` is 2 for a map's keys, 1 for a set's elements.
    func duplicateFailure(_ top: Frame, step: Int) -> SyntaxError {
        let code = step == 2 ? SyntaxCode.duplicateKey : .duplicateElement
        let noun = step == 2 ? "key" : "element"
        guard let (first, second) = duplicate(top, step: step) else {
            return failure(code, "duplicate \(noun)", Span(top.start, position))
        }
        var diagnostic = make(code, "duplicate \(noun) `\(brief(spans[second]))`", spans[second], "again here")
        diagnostic.related = [.init(source, spans[first], "first here")]
        diagnostic.explanation =
            step == 2
            ? "A map literal holds each key once; which value was meant is unclear."
            : "A set literal holds each element once."
        diagnostic.hint = "remove one of them"
        return SyntaxError(code, diagnostic)
    }

    func unqualifiableFailure(_ key: Int, _ namespace: Name, _ top: Frame) -> SyntaxError {
        let span = spans.count == values.count ? spans[key] : Span(top.start, position)
        var diagnostic = make(.namespacedKey, "`\(brief(span))` cannot be a key of `#:\(namespace.description)`", span)
        diagnostic.explanation = "After the slash of a name stands no digit."
        diagnostic.hint = "begin the key with a letter"
        return SyntaxError(.namespacedKey, diagnostic)
    }

    private func duplicate(_ top: Frame, step: Int) -> (Int, Int)? {
        guard spans.count == values.count else { return nil }
        var seen = HashMap()
        for index in stride(from: top.base, to: values.count, by: step) {
            do {
                if case .int(let first)? = try seen.find(values[index]) { return (Int(first), index) }
                try HashMap.set(&seen, values[index], .int(Int64(index)))
            } catch { return nil }
        }
        return nil
    }

    func faultFailure(_ fault: Fault, _ top: Frame) -> SyntaxError {
        failure(.duplicateKey, Reader.message(fault), Span(top.start, position))
    }

    private static func message(_ fault: Fault) -> String {
        if case .thrown(let exception) = fault { exception.message } else { "the value could not be computed" }
    }

    private static func hint(_ fault: Fault) -> String? {
        if case .thrown(let exception) = fault { exception.hint } else { nil }
    }

    // Strings and characters.

    func unclosedStringFailure(_ start: Int) -> SyntaxError {
        let isRegex = base[start] == 0x23
        var diagnostic = make(
            .unclosedString, isRegex ? "unclosed regular expression" : "unclosed string",
            Span(start, start + (isRegex ? 2 : 1)), "opened here")
        if let suspect = stringAcrossLines(before: start) {
            diagnostic.related = [.init(source, suspect, "this string goes on for more than a line")]
            diagnostic.hint = "a closing quote is probably missing there"
        } else {
            diagnostic.related = [.init(source, textEnd, "the text ends here")]
            diagnostic.hint = "close it with `\"`; a quote inside is written `\\\"`"
        }
        diagnostic.expected = "`\"`"
        diagnostic.found = "the end of the text"
        return SyntaxError(.unclosedString, diagnostic, isIncomplete: true)
    }

    /// The last string before `limit` that holds a line break: when quotes are unbalanced, the likely place of the mistake.
    private func stringAcrossLines(before limit: Int) -> Span? {
        var found: Span?
        var at = 0
        while at < limit {
            switch base[at] {
            case 0x5c: at += 1
            case 0x3b: while at < limit, base[at] != 0x0a { at += 1 }
            case 0x22:
                let start = at
                var lines = false
                at += 1
                while at < limit, base[at] != 0x22 {
                    lines = lines || base[at] == 0x0a
                    at += base[at] == 0x5c ? 2 : 1
                }
                if lines { found = Span(start, start + 1) }
            default: break
            }
            at += 1
        }
        return found
    }

    func escapeFailure(_ span: Span) -> SyntaxError {
        failure(
            .escape, "unknown escape `\(brief(span))` in a string", span,
            because: "Strings know \\n \\t \\r \\b \\f \\\\ \\\" \\uXXXX and octal \\0 to \\377.",
            hint: "to write a backslash itself, double it: `\\\\`")
    }

    func unicodeEscapeFailure(_ span: Span) -> SyntaxError {
        failure(
            .escape, "`\\u` needs four hexadecimal digits", span,
            hint: "pad with zeros, as in `\\u00e9`; beyond U+FFFF write the character itself")
    }

    func surrogateFailure(_ span: Span) -> SyntaxError {
        failure(
            .escape, "half of a surrogate pair is no character", span,
            because: "`\\ud800` to `\\udfff` mean something only as a high half followed by a low half.",
            hint: "write the character itself")
    }

    func octalFailure(_ span: Span) -> SyntaxError {
        failure(
            .escape, "bad octal escape `\(brief(span))` in a string", span,
            because: "An octal escape has one to three digits from 0 to 7, and is at most \\377.",
            hint: "write three digits, or use `\\uXXXX`")
    }

    func characterFailure(_ span: Span) -> SyntaxError {
        let name = String(text(span).dropFirst())
        let names = CharacterNames.all.map { "\($0.name)" }
        var explanation =
            "A character is `\\` and one character, a name (\(names.joined(separator: ", "))), `\\uXXXX` or `\\oNNN`."
        if name.hasPrefix("u"), name.utf8.dropFirst().allSatisfy({ $0.digitValue < 16 }) {
            explanation = "`\\u` takes exactly four hexadecimal digits, and no half of a surrogate pair."
        } else if name.hasPrefix("o"), name.utf8.dropFirst().allSatisfy(\.isDecimalDigit) {
            explanation = "`\\o` takes one to three octal digits, at most `\\o377`."
        }
        return failure(
            .character, "unknown character `\(brief(span))`", span, because: explanation,
            hint: Nearest.hint(for: "\\\(name)", among: names.map { "\\\($0)" }))
    }

    // Tokens.

    func numberFailure(_ span: Span) -> SyntaxError {
        let written = text(span)
        let digits = written.drop { $0 == "-" || $0 == "+" }
        let explanation: String
        var hint: String?
        if let problem = radixProblem(digits) {
            explanation = problem
        } else if let slash = digits.firstIndex(of: "/"), digits[slash...].dropFirst().allSatisfy({ $0 == "0" }),
            digits[slash...].count > 1
        {
            explanation = "A ratio cannot have the denominator 0."
        } else if written.contains("_") {
            explanation = "Digits are not grouped with underscores."
            hint = "write `\(written.filter { $0 != "_" })`"
        } else if digits.count > 1, digits.utf8.allSatisfy(\.isDecimalDigit) {
            explanation = "A leading 0 means octal, and 8 and 9 are no octal digits."
            hint = "leave the leading zeros out"
        } else if digits.count > 2, digits.contains("-"), digits.utf8.allSatisfy({ $0.isDecimalDigit || $0 == 0x2d }) {
            explanation = "A name cannot begin with a digit, and a date is no number."
            hint = "write a date as #inst \"\(written)\""
        } else {
            explanation = "What begins with a digit is a number: 42, -7, 0x2a, 2r101, 3/4, 1.5e3, 10N, 1.5M."
            hint = "a name cannot begin with a digit"
        }
        return failure(.number, "invalid number `\(brief(span))`", span, because: explanation, hint: hint)
    }

    /// What is wrong with `2r102`, when that is what was meant.
    private func radixProblem(_ digits: Substring) -> String? {
        guard let mark = digits.prefix(3).firstIndex(where: { $0 == "r" || $0 == "R" }),
            let radix = UInt8(digits[..<mark])
        else { return nil }
        guard (2...36).contains(radix) else { return "A radix is 2 to 36, and here it is \(radix)." }
        guard let bad = digits[mark...].dropFirst().first(where: { !$0.isASCII || $0.asciiValue!.digitValue >= radix })
        else {
            return nil
        }
        return "`\(bad)` is no digit in radix \(radix)."
    }

    func tokenFailure(_ span: Span) -> SyntaxError {
        let written = text(span)
        let isKeyword = written.hasPrefix(":")
        if written == ":" || written == "::" {
            return failure(
                .keyword, "a keyword needs a name after `\(written)`", span, hint: "write it without space: `:name`")
        }
        var hint: String?
        var explanation =
            "A name may have one namespace before a slash, and neither may begin with a digit or end with a colon."
        if written.hasPrefix("::"), !isCode {
            explanation = "`::` needs a current namespace, and data has none."
        } else if written.dropFirst().hasText("::") {
            explanation = "`::` can only begin a keyword."
        } else if written.hasPrefix("//") || written.hasPrefix("/*") {
            explanation = "A slash stands between a namespace and a name."
            hint = "a comment begins with `;`"
        } else if written.hasSuffix("/") {
            explanation = "Nothing follows the slash."
        } else if written.hasPrefix("/") || written.hasPrefix(":/") {
            explanation = "Nothing stands before the slash."
        } else if written.hasSuffix(":") {
            explanation = "A name cannot end with a colon."
            if isCode, !isKeyword { hint = "a keyword has its colon in front: `:\(written.dropLast())`" }
        }
        return failure(
            isKeyword ? .keyword : .token, "invalid \(isKeyword ? "keyword" : "symbol") `\(brief(span))`", span,
            because: explanation, hint: hint)
    }

    func leadingFailure(_ byte: UInt8) -> SyntaxError {
        failure(
            .token, "`\(UnicodeScalar(byte))` cannot begin a form in EDN", Span(position, position + 1),
            because: "It is syntax of code, and this is data.")
    }

    func constituentFailure(at offset: Int) -> SyntaxError {
        failure(
            .token, "`\(UnicodeScalar(base[offset]))` cannot stand in a name", Span(offset, offset + 1),
            because: "It is syntax of code, and this is data.")
    }

    func aliasFailure(_ alias: String, _ context: CodeContext, _ span: Span) -> SyntaxError {
        failure(
            .alias, "unknown namespace alias `\(alias)`", span,
            because: "After `::` stands an alias that this namespace's `:require` gives.",
            hint: Nearest.hint(for: alias, among: context.aliases()) ?? "add `[… :as \(alias)]` to `:require`")
    }

    // What follows `#`.

    func dispatchFailure(_ span: Span) -> SyntaxError {
        let known = isCode ? "#{ #( #\" #' #_ #: #? #^ ##" : "#{ #_ #: #^ ##"
        return failure(
            .dispatch, "`\(brief(span))` begins no form", span, because: "There are \(known) and tags such as #inst.")
    }

    func tagFailure(_ form: Form) -> SyntaxError {
        failure(.tag, "a tag must be a symbol, found `\(brief(form.span))`", form.span)
    }

    func unknownTagFailure(_ tag: Name, _ span: Span) -> SyntaxError {
        var known = ["inst", "uuid"]
        if case .code(let context) = dialect { known += context.tags() }
        let width = tag.description.utf8.count + 1
        return failure(
            .tag, "no reader for the tag `#\(tag.description)`",
            Span(Int(span.start), min(Int(span.start) + width, end)),
            because: "Known are \(known.map { "#\($0)" }.joined(separator: ", ")).",
            hint: Nearest.hint(for: "#\(tag.description)", among: known.map { "#\($0)" }))
    }

    func taggedFailure(_ tag: String, _ expected: String, _ form: Form) -> SyntaxError {
        var diagnostic = make(.tagged, "`\(tag)` needs \(expected)", form.span)
        diagnostic.expected = expected
        diagnostic.found = brief(form.span)
        if tag == "#inst", form.value.isText {
            diagnostic.explanation = "Either the text has another form, or there is no such date or time."
        }
        return SyntaxError(.tagged, diagnostic)
    }

    func tagFaultFailure(_ fault: Fault, _ tag: Name, _ span: Span) -> SyntaxError {
        failure(.tagged, "`#\(tag.description)`: \(Reader.message(fault))", span, hint: Reader.hint(fault))
    }

    func symbolicFailure(_ span: Span) -> SyntaxError {
        let name = text(span).filter { !$0.isWhitespace }
        return failure(
            .symbolic, "unknown symbolic value `\(brief(span))`", span, because: "There are ##Inf, ##-Inf and ##NaN.",
            hint: Nearest.hint(for: name, among: ["##Inf", "##-Inf", "##NaN"]))
    }

    func metadataFailure(_ form: Form) -> SyntaxError {
        failure(
            .metadata, "metadata cannot be `\(brief(form.span))`", form.span,
            because: "After `^` stands a keyword, a symbol, a string or a map\(isCode ? ", or a vector of types" : "")."
        )
    }

    func metadataTargetFailure(_ form: Form, caret: Int) -> SyntaxError {
        var diagnostic = make(.metadata, "`\(brief(form.span))` cannot carry metadata", form.span)
        diagnostic.related = [.init(source, Span(caret, caret + 1), "the metadata")]
        diagnostic.explanation = "Symbols and collections can; numbers, strings, keywords and the like cannot."
        return SyntaxError(.metadata, diagnostic)
    }

    func mapNamespaceFailure(_ span: Span) -> SyntaxError {
        failure(
            .namespacedMap, "`\(brief(span))` names no namespace for a map", span,
            because: "After `#:` stands a name without a slash, then the map: `#:user{:id 1}`.")
    }

    func namespacedMapFailure(_ span: Span) -> SyntaxError {
        failure(
            .namespacedMap, "`\(brief(span))` needs a map after it", span,
            because: "The namespace is given to the keys of one map: `#:user{:id 1}`.")
    }

    func conditionalFailure(_ span: Span, _ title: String) -> SyntaxError {
        failure(
            .conditional, title, span,
            because:
                "It looks like `#?(:sluice a :default b)`: keywords and forms by turns; the first that holds is read.")
    }

    func nestedFunctionFailure(_ span: Span) -> SyntaxError {
        failure(
            .function, "`#()` cannot stand inside `#()`", span, because: "Whose `%` it is would be unclear.",
            hint: "write one of them as `(fn [x] …)`")
    }

    func argumentFailure(_ span: Span) -> SyntaxError {
        failure(
            .argument, "`\(brief(span))` is no argument of `#()`", span,
            because: "Arguments are %, %1 to %\(FunctionArguments.limit), and %& for the rest.")
    }

    func regexFailure(_ fault: Fault, _ span: Span) -> SyntaxError {
        guard case .thrown(let exception) = fault else {
            let diagnostic = Diagnostic(
                code: SyntaxCode.regex.rawValue, title: "reading was ended", at: .init(source, span))
            return SyntaxError(.regex, diagnostic, end: fault)
        }
        guard let place = exception.related.first, let what = place.text else {
            return failure(.regex, "bad regular expression: \(Reader.message(fault))", span, hint: Reader.hint(fault))
        }
        // The text between the quotes is the pattern as it is.
        let start = Int(span.start) + 2 + Int(place.span.start)
        return failure(
            .regex, "bad regular expression: \(what)", Span(start, start + 1), hint: Reader.hint(fault))
    }

    func evaluationFailure(_ span: Span) -> SyntaxError {
        failure(
            .evaluation, "`#=` is not supported", span, because: "Reading never runs code.",
            hint: "compute the value with a macro, or where it is used")
    }
}
