import Values

/// Where a declaration stands: its form, its name and its options, for pointing at any part of them (N4).
package struct Site: Sendable {
    package let source: Source?
    /// The whole declaration.
    package let span: Span?
    package let nameSpan: Span?
    /// The form of the options; its collections carry their origins. Nil when there are none.
    let options: Value
    private let optionsSpan: Span?
    /// What follows the options: parameters and code.
    let body: [Value]
    private let bodySpans: [Span]

    package static let unknown = Site(source: nil, span: nil, nameSpan: nil, options: .nil, optionsSpan: nil)

    package init(
        source: Source?, span: Span?, nameSpan: Span?, options: Value, optionsSpan: Span?, body: [Value] = [],
        bodySpans: [Span] = []
    ) {
        self.body = body
        self.bodySpans = bodySpans
        self.source = source
        self.span = span
        self.nameSpan = nameSpan
        self.options = options
        self.optionsSpan = optionsSpan
    }

    /// The site of `(defchannel :name "doc" {…} …)`: the name is the second element if it is a keyword, the options the
    /// first map before a parameter vector or a list.
    package init(form: Value) {
        guard case .list(let list) = form, let origin = list.origin, let elements = list.elements else {
            self = .unknown
            return
        }
        var nameSpan: Span?
        var options: (form: Value, span: Span?) = (.nil, nil)
        var bodyStart = elements.count
        search: for (index, element) in elements.enumerated().dropFirst() {
            // What a macro put together has no places of its own, but the options handed to it may.
            let span = index < origin.children.count ? origin.children[index] : element.span(in: origin.source)
            switch element {
            case .keyword where index == 1: nameSpan = span
            case .shortText, .longText: continue
            case .map:
                options = (element, span)
                bodyStart = index + 1
                break search
            default:
                bodyStart = index
                break search
            }
        }
        self.init(
            source: origin.source, span: origin.span, nameSpan: nameSpan, options: options.form,
            optionsSpan: options.span,
            body: Array(elements.dropFirst(bodyStart)), bodySpans: Array(origin.children.dropFirst(bodyStart)))
    }

    /// The first form after the options: the parameters of a function.
    package var parameters: SourceLabel? { place(bodySpans.first) }

    /// The whole declaration.
    package var whole: SourceLabel? { place(nameSpan ?? span) }

    /// Which half of an entry is meant.
    package enum Part: Sendable { case key, value }

    /// The key or the value at the end of a path of keys and indices into the options; as near to it as the form shows
    /// it.
    package func place(of path: [Value], _ part: Part = .value) -> SourceLabel? {
        if let found = placeInPhase(path, part) { return place(found) }
        return place(span(of: path[...], part, from: options) ?? optionsSpan ?? nameSpan ?? span)
    }

    /// The span at the end of a path, or as near to it as the form shows it; nil when it shows not even the first step.
    private func span(of path: ArraySlice<Value>, _ part: Part, from form: Value) -> Span? {
        var form = form
        var found: Span?
        for (step, key) in path.enumerated() {
            guard let inner = self.step(into: form, key) else { break }
            found = part == .key && step == path.count - 1 ? inner.keySpan : inner.span
            form = inner.form
        }
        return found
    }

    /// `defphases` has its phases after its parameters, each with its group and meta at the front: there is no `:phases` in
    /// its options. What a phase does not write down is shown at its group.
    private func placeInPhase(_ path: [Value], _ part: Part) -> Span? {
        guard path.first?.knownKeyword == .phases, path.count > 1, let index = path[1].intValue.flatMap({ Int($0) }),
            body.indices.contains(index + 1), index + 1 < bodySpans.count, case .vector(let phase) = body[index + 1]
        else { return nil }
        let whole = bodySpans[index + 1]
        guard let origin = phase.origin, origin.source === source, let first = origin.children.first else {
            return whole
        }
        let key = path.dropFirst(2)
        if key.isEmpty { return whole }
        for element in phase.elements.prefix(2) {
            guard case .map = element else { continue }
            return span(of: key, part, from: element) ?? first
        }
        return first
    }

    private func place(_ span: Span?) -> SourceLabel? {
        guard let source, let span else { return nil }
        return SourceLabel(source, span)
    }

    private func step(into form: Value, _ key: Value) -> (form: Value, keySpan: Span, span: Span)? {
        switch form {
        case .map(let map):
            guard let origin = map.origin, origin.source === source else { return nil }
            // A map keeps the order of its literal, which its places follow: key, value, key, value.
            for (index, entry) in map.entries.enumerated() where 2 * index + 1 < origin.children.count {
                guard (try? entry.key.equals(key)) ?? false else { continue }
                return (entry.value, origin.children[2 * index], origin.children[2 * index + 1])
            }
            return nil
        case .vector(let vector): return Site.step(vector.elements, vector.origin, key)
        case .list(let list): return Site.step(list.elements ?? [], list.origin, key)
        case .set(let set): return Site.step(set.elementVector().elements, set.origin, key)
        default: return nil
        }
    }

    private static func step(_ elements: [Value], _ origin: Origin?, _ key: Value) -> (
        form: Value, keySpan: Span, span: Span
    )? {
        guard let index = key.intValue.flatMap({ Int(exactly: $0) }), elements.indices.contains(index), let origin,
            index < origin.children.count
        else { return nil }
        return (elements[index], origin.children[index], origin.children[index])
    }
}

extension Value {
    /// Where a collection was read, when that was in `source`.
    fileprivate func span(in source: Source) -> Span? {
        let origin: Origin? =
            switch self {
            case .map(let map): map.origin
            case .vector(let vector): vector.origin
            case .list(let list): list.origin
            default: nil
            }
        return origin.flatMap { $0.source === source ? $0.span : nil }
    }
}
