import Engine
import Values

/// Checks the options of one node against the table of its kind: every fault, not only the first.
struct OptionCheck {
    let node: Node
    private(set) var findings: [Finding] = []

    init(_ node: Node) { self.node = node }

    mutating func run() {
        check(
            node.options, node.id.kind.keys,
            owner: node.id.kind.withArticle, [])
    }

    /// Checks one map; `path` leads to it from the options.
    mutating func check(_ map: HashMap, _ rows: [DeclarationKey], owner: String, _ path: [Value]) {
        for (key, value) in map.entries {
            guard let row = rows.first(where: { $0.key == key.knownKeyword }) else {
                unknown(key, rows, owner: owner, path)
                continue
            }
            if !value.isNil { check(value, row.shape, name: ":\(row.key.rawValue)", path + [key]) }
        }
    }

    private mutating func unknown(_ key: Value, _ rows: [DeclarationKey], owner: String, _ path: [Value]) {
        let names = rows.map { ":\($0.key.rawValue)" }
        findings.append(
            Finding(
                .unknownKey, "\(owner) has no key `\(shown(key))`", at: node.site.place(of: path + [key], .key),
                because: "Its keys are \(names.joined(separator: " ")).",
                hint: Nearest.hint(for: shown(key), among: names)))
    }

    private mutating func wrong(
        _ code: FindingCode, _ value: Value, _ shape: KeyShape, name: String, _ path: [Value], hint: String? = nil
    ) {
        findings.append(
            Finding(
                code, "`\(name)` must be \(shape.expected), but it is \(value.briefly)", at: node.site.place(of: path),
                hint: hint))
    }

    /// Checks one value; references are looked at elsewhere.
    private mutating func check(_ value: Value, _ shape: KeyShape, name: String, _ path: [Value]) {
        switch shape {
        case .plain(let plain): checkPlain(value, plain, name: name, path)
        case .channel: if case .keyword = value {} else { wrong(.wrongType, value, shape, name: name, path) }
        case .keywords(let names): checkKeywords(value, names, shape, name: name, path)
        case .grants: if case .bool = value {} else { checkTexts(value, shape, name: name, path) }
        case .texts: checkTexts(value, shape, name: name, path)
        case .map(let rows):
            guard case .map(let map) = value else { return wrong(.wrongType, value, shape, name: name, path) }
            check(map, rows, owner: "`\(name)`", path)
        case .byKeyword(let inner): checkByKeyword(value, inner, shape, name: name, path)
        case .rows(let rows): checkRows(value, rows, shape, name: name, path)
        case .function: checkFunction(value, shape, name: name, path)
        case .metaOrName: checkMeta(value, shape, name: name, path)
        case .cron: checkCron(value, shape, name: name, path)
        }
    }

    private mutating func checkPlain(_ value: Value, _ shape: PlainShape, name: String, _ path: [Value]) {
        switch shape.mismatch(value) {
        case nil: return
        case .type: wrong(.wrongType, value, .plain(shape), name: name, path)
        case .range: wrong(.outOfRange, value, .plain(shape), name: name, path)
        case .choice:
            guard case .oneOf(let names) = shape else { return }
            let hint = OptionCheck.meant(shown(value), among: names.map { ":\($0.rawValue)" })
            wrong(.notAChoice, value, .plain(shape), name: name, path, hint: hint)
        }
    }

    /// The choice that was meant: a near one, or one of which the other is short for, as `:int` and `:integer` are.
    private static func meant(_ given: String, among choices: [String]) -> String? {
        if let near = Nearest.hint(for: given, among: choices) { return near }
        // A colon and two letters at least.
        let related = choices.filter { min($0.count, given.count) > 2 && ($0.hasPrefix(given) || given.hasPrefix($0)) }
        return related.count == 1 ? "did you mean `\(related[0])`?" : nil
    }

    private mutating func checkKeywords(
        _ value: Value, _ names: [String], _ shape: KeyShape, name: String, _ path: [Value]
    ) {
        switch value {
        case .vector, .list, .set: break
        default: return wrong(.wrongType, value, shape, name: name, path)
        }
        for (index, element) in Graph.elements(value).enumerated() {
            guard case .keyword(let given) = element else {
                findings.append(
                    Finding(
                        .wrongType, "an element of `\(name)` must be a keyword, but it is \(element.briefly)",
                        at: node.site.place(of: path + [.int(Int64(index))]),
                        hint: element.stringValue.flatMap { text in
                            let isWord = !text.isEmpty && text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }
                            return isWord ? "write :\(text)" : nil
                        }))
                continue
            }
            guard !names.isEmpty, !names.contains(given.description) else { continue }
            let choices = names.map { ":\($0)" }
            findings.append(
                Finding(
                    .notAChoice, "`\(name)` has no use for \(element.briefly)",
                    at: node.site.place(of: path + [.int(Int64(index))]),
                    because: "It takes \(choices.joined(separator: " ")).",
                    hint: Nearest.hint(for: ":\(given.description)", among: choices)))
        }
    }

    private mutating func checkTexts(_ value: Value, _ shape: KeyShape, name: String, _ path: [Value]) {
        switch value {
        case .vector, .list, .set: break
        default: return wrong(.wrongType, value, shape, name: name, path)
        }
        for (index, element) in Graph.elements(value).enumerated() {
            if let text = element.stringValue, !text.isEmpty { continue }
            findings.append(
                Finding(
                    .wrongType, "`\(name)` must be \(shape.expected), but one of them is \(element.briefly)",
                    at: node.site.place(of: path + [.int(Int64(index))])))
        }
    }

    private mutating func checkByKeyword(
        _ value: Value, _ inner: KeyShape, _ shape: KeyShape, name: String, _ path: [Value]
    ) {
        guard case .map(let map) = value else { return wrong(.wrongType, value, shape, name: name, path) }
        for (key, item) in map.entries {
            guard case .keyword = key else {
                findings.append(
                    Finding(
                        .wrongType, "the keys of `\(name)` must be keywords, but one of them is \(key.briefly)",
                        at: node.site.place(of: path + [key], .key)))
                continue
            }
            check(item, inner, name: "\(name) \(shown(key))", path + [key])
        }
    }

    private mutating func checkRows(
        _ value: Value, _ rows: [DeclarationKey], _ shape: KeyShape, name: String, _ path: [Value]
    ) {
        guard case .vector(let vector) = value else { return wrong(.wrongType, value, shape, name: name, path) }
        for (index, element) in vector.elements.enumerated() {
            let inner = path + [.int(Int64(index))]
            if case .map(let map) = element {
                check(map, rows, owner: "a phase", inner)
            } else {
                wrong(.wrongType, element, shape, name: name, inner)
            }
        }
    }

    /// A function was turned into its qualified symbol when the declaration was read; what is left is none.
    private mutating func checkFunction(_ value: Value, _ shape: KeyShape, name: String, _ path: [Value]) {
        let given: Name? = if case .keyword(let keyword) = value { keyword } else { value.symbolName }
        guard let given else { return wrong(.wrongType, value, shape, name: name, path) }
        guard !given.hasNamespace else { return }
        findings.append(
            Finding(
                .undeclaredFunction, "`\(name)` names the function \(given.description) without its namespace",
                at: node.site.place(of: path),
                because: "Data is read in no namespace, so a function's name must be complete.",
                hint: "write it as my.namespace/\(given.description)"))
    }

    private mutating func checkMeta(_ value: Value, _ shape: KeyShape, name: String, _ path: [Value]) {
        switch value {
        case .keyword: return
        case .map(let map): check(map, DeclarationKeys.meta, owner: "meta", path)
        case .vector(let parts):
            for (index, part) in parts.elements.enumerated() {
                if case .vector = part {
                    wrong(.wrongType, part, shape, name: name, path + [.int(Int64(index))])
                } else {
                    checkMeta(part, shape, name: name, path + [.int(Int64(index))])
                }
            }
        default: wrong(.wrongType, value, shape, name: name, path)
        }
    }

    private mutating func checkCron(_ value: Value, _ shape: KeyShape, name: String, _ path: [Value]) {
        guard let text = value.stringValue else { return wrong(.wrongType, value, shape, name: name, path) }
        guard CronSchedule(text) == nil else { return }
        wrong(
            .outOfRange, value, shape, name: name, path,
            hint: "it has five fields: minute, hour, day, month, weekday; or six, with seconds in front")
    }
}
