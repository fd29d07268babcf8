//! Compiler: forms → code.
//!
//! Comes in: forms with their places, and the namespace they are read in. Goes out: prototypes for the machine. Per
//! top-level form: `Analyzer` expands macros, resolves names and tells special forms apart, giving a tree of `Node`s;
//! `Liveness` walks it backwards and marks where locals die; `Emitter` gives registers to locals and writes instructions.
//! `Evaluator` drives all that form by form and runs the result; macros run on the machine meanwhile.
import Machine
import Reader
import Values

/// Analyses one top-level form.
struct Analyzer {
    let instance: Instance
    let namespace: Namespace
    /// Every built-in namespace, for suggestions.
    let libraries: () -> [String]
    /// Calls a macro: (macro, form and environment and arguments) → expansion.
    let expand: (Value, [Value]) throws(Fault) -> Value
    /// The function being analysed, innermost.
    var function: FunctionScope
    /// Where atoms of the form at hand stood: set while its parent is analysed.
    var place: Node.Place?
    /// The original form of the macro call being expanded, for finding atoms that lost their place.
    var expanding: (form: Value, place: Node.Place?)?
    /// What the form at hand defines, or is part of the definition of.
    var definition: Definition?
    var depth = 0
    /// Nodes made so far, about.
    var nodes = 0

    /// Forms nested deeper than this are refused: the analysis and emission recurse.
    static let maximumDepth = 600
    /// What a function within a function counts for: each takes several activations of every pass.
    static let functionLevels = 5
    /// Arguments of `+` and its kin that fold into instructions; more are a call.
    static let maximumFolding = 32

    /// About what a node occupies until its form is compiled.
    private static let nodeFootprint = 512

    // MARK: Places

    /// The place of a form: its own if it has one, else that of its atom's parent.
    func ownPlace(_ form: Value) -> Node.Place? {
        form.origin.map { Node.Place(source: $0.source, span: $0.span) } ?? place
    }

    /// Analyses element `index` of `parent` at its own place.
    mutating func analyze(_ form: Value, child index: Int, of parent: Value) throws(Fault) -> Node {
        let saved = place
        defer { place = saved }
        if let origin = parent.origin, index < origin.children.count {
            place = Node.Place(source: origin.source, span: origin.children[index])
        }
        return try analyze(form)
    }

    /// A fault that carries where it is.
    func fault(_ message: String, at form: Value? = nil, hint: String? = nil) -> Fault {
        guard let place = form.flatMap({ ownPlace($0) }) ?? place else {
            return .thrown(Exception(.compiler, message, hint: hint))
        }
        return fault(message, hint: hint, place: place)
    }

    /// A fault at element `index` of `parent`, or at all of it when its elements have no places.
    func fault(_ message: String, child index: Int, of parent: Value, hint: String? = nil) -> Fault {
        guard let found = Analyzer.place(ofChild: index, of: parent) else {
            return fault(message, at: parent, hint: hint)
        }
        return fault(message, hint: hint, place: found)
    }

    private func fault(_ message: String, hint: String?, place: Node.Place) -> Fault {
        let exception = Exception(.compiler, message, hint: hint)
        var frame = TraceFrame(function: nil, source: place.source, span: place.span)
        frame.macro = place.macro
        exception.trace = [frame]
        return .thrown(exception)
    }

    private static func place(ofChild index: Int, of parent: Value) -> Node.Place? {
        guard let origin = parent.origin, origin.children.indices.contains(index) else { return nil }
        return Node.Place(source: origin.source, span: origin.children[index])
    }

    // MARK: Forms

    mutating func analyze(_ form: Value) throws(Fault) -> Node {
        try nested(1) { (analyzer) throws(Fault) in try analyzer.node(form) }
    }

    /// Does `body` as so many levels of nodes deeper: what the analysis nests, the passes after it walk recursively.
    mutating func nested<Result>(_ levels: Int, _ body: (inout Analyzer) throws(Fault) -> Result) throws(Fault)
        -> Result
    {
        depth += levels
        defer { depth -= levels }
        nodes += 1
        // Analysis counts as work of the script: an expansion may be exponentially larger than what it was made from.
        if nodes % 1024 == 0 {
            try instance.account.book(steps: 1024, holding: nodes * Analyzer.nodeFootprint)
        }
        guard depth < Analyzer.maximumDepth else {
            throw expanding == nil
                ? fault(
                    "this form is nested more than \(Analyzer.maximumDepth) levels deep",
                    hint: "split it into functions")
                : fault(
                    "this macro call expands more than \(Analyzer.maximumDepth) levels deep",
                    hint: "does the macro expand to a call of itself?")
        }
        return try body(&self)
    }

    private mutating func node(_ form: Value) throws(Fault) -> Node {
        switch form {
        case .symbol(let name): return try symbol(name, form)
        case .object(let object):
            if let symbol = object as? SymbolObject { return try self.symbol(symbol.name, form) }
            return Node(.constant(form), place)
        case .list(let list):
            if list.isEmpty { return Node(.constant(form), place) }
            return try analyzeList(list, form)
        case .lazy, .seq:
            // A macro may give any sequence; a list is what it means.
            return try analyze(.list(try Sequences.array(form)))
        case .vector(let vector):
            let saved = place
            defer { place = saved }
            place = ownPlace(form)
            return try literal(.makeVector, vector.elements, form, metadata: vector.meta)
        case .map(let map):
            let saved = place
            defer { place = saved }
            place = ownPlace(form)
            var elements: [Value] = []
            map.forEach { (key, value) in
                elements.append(key)
                elements.append(value)
                return true
            }
            return try literal(.makeMap, elements, form, metadata: map.meta)
        case .set(let set):
            let saved = place
            defer { place = saved }
            place = ownPlace(form)
            return try literal(.makeSet, set.elementVector().elements, form, metadata: set.meta)
        default: return Node(.constant(form), place)
        }
    }

    private mutating func literal(_ opcode: Opcode, _ elements: [Value], _ form: Value, metadata: HashMap?)
        throws(Fault) -> Node
    {
        var nodes: [Node] = []
        for (index, element) in elements.enumerated() {
            let saved = place
            defer { place = saved }
            // A map or set may keep its elements in another order than they were written in.
            if opcode != .makeVector, let name = element.symbolName,
                let found = Analyzer.span(of: name, in: form.origin)
            {
                place = found
            }
            nodes.append(try value(element, child: index, of: opcode == .makeVector ? form : .nil))
        }
        var node = Node(.literal(opcode, nodes), place)
        if let values = nodes.constants, elements.count <= 64, let constant = try? constant(opcode, values) {
            node = Node(.constant(constant), place)
        } else if nodes.count > Emitter.maximumLiteral {
            node = try large(opcode, nodes)
        }
        guard let metadata, !metadata.isEmpty else { return node }
        return try core("with-meta", [node, try analyze(.map(metadata))])
    }

    /// A literal of only constants is one itself.
    private func constant(_ opcode: Opcode, _ values: [Value]) throws(Fault) -> Value {
        switch opcode {
        case .makeVector: return .vector(Vector(values))
        case .makeMap:
            var map = HashMap()
            for index in stride(from: 0, to: values.count, by: 2) {
                try HashMap.set(&map, values[index], values[index + 1])
            }
            return .map(map)
        default:
            var set = HashSet()
            for value in values { try HashSet.insert(&set, value) }
            return .set(set)
        }
    }

    /// A literal with more elements than registers is put together from pieces.
    private mutating func large(_ opcode: Opcode, _ nodes: [Node]) throws(Fault) -> Node {
        var result = Node(.literal(opcode, []), place)
        for start in stride(from: 0, to: nodes.count, by: Emitter.maximumLiteral) {
            let piece = Node(
                .literal(opcode, Array(nodes[start..<min(start + Emitter.maximumLiteral, nodes.count)])), place)
            result = start == 0 ? piece : try core("into", [result, piece])
        }
        return result
    }

    /// A call of a function of `clojure.core`, whatever the namespace at hand calls it.
    func core(_ name: String, _ arguments: [Node]) throws(Fault) -> Node {
        let core = instance.namespace(instance.names.intern("clojure.core"))
        guard let variable = core.find(instance.names.intern(nil, name)) else {
            throw fault("clojure.core/\(name) is missing")
        }
        return Node(.call(Node(.global(variable), place), arguments), place)
    }

    // MARK: Symbols

    private mutating func symbol(_ name: Name, _ form: Value) throws(Fault) -> Node {
        if !name.hasNamespace, let reference = function.lookup(name) { return Node(reference.kind, place) }
        if let variable = try resolve(name, form) {
            if variable.isMacro {
                throw fault(
                    "\(name.description) is a macro and has no value", at: form,
                    hint: "call it: (\(name.description) …)")
            }
            return Node(.global(variable), place)
        }
        if let type = Resolver(instance: instance, namespace: namespace).type(ofClass: name) {
            return Node(.constant(type), place)
        }
        throw unresolved(name)
    }

    /// The var that a symbol means, or nil; `list` is the call that it is the head of.
    func resolve(_ name: Name, _ form: Value, headOf list: Value? = nil) throws(Fault) -> Var? {
        guard let variable = Resolver(instance: instance, namespace: namespace).resolve(name) else { return nil }
        guard name.hasNamespace, variable.namespace != namespace.name, expanding == nil else { return variable }
        let owner = instance.findNamespace(variable.namespace)
        guard owner?.isLibrary == false, try variable.metadata?.find(.kw(.private))?.isTruthy == true else {
            return variable
        }
        throw refusePrivate(variable, name, headOf: list)
    }

    func unresolved(_ name: Name) -> Fault {
        let resolver = Resolver(instance: instance, namespace: namespace, libraries: libraries)
        let message = resolver.explainMissing(name)
        guard let place = placeOfAtom(.symbol(name)) else {
            return .thrown(
                Exception(
                    .compiler, message, hint: resolver.hint(for: name, locals: function.visibleNames)))
        }
        let later = Analyzer.later(name, place)
        return fault(
            message, hint: later ?? resolver.hint(for: name, locals: function.visibleNames), place: place)
    }

    /// That a name is defined further down in the same file.
    private static func later(_ name: Name, _ place: Node.Place) -> String? {
        guard !name.hasNamespace, !place.source.isLibrary,
            let line = SourceOutline.line(ofDefinition: name.name, in: place.source, after: Int(place.span.end))
        else { return nil }
        return "it is defined further down, on line \(line): move that up, or put (declare \(name.name)) before this"
    }

    /// The place of an atom: its own, or, within an expansion, that of its first occurrence in the macro call.
    private func placeOfAtom(_ atom: Value) -> Node.Place? {
        guard let expanding else { return place }
        return Analyzer.find(atom, in: expanding.form) ?? place
    }

    /// Where a symbol stands among the elements of a collection that was read.
    private static func span(of name: Name, in origin: Origin?) -> Node.Place? {
        guard let origin else { return nil }
        let text = Array(name.description.utf8)
        let found = origin.children.first { span in
            let range = Int(span.start)..<Int(span.end)
            return range.upperBound <= origin.source.bytes.count && origin.source.bytes[range].elementsEqual(text)
        }
        return found.map { Node.Place(source: origin.source, span: $0) }
    }

    private static func find(_ atom: Value, in form: Value) -> Node.Place? {
        switch form {
        case .map(let map):
            var found = atom.symbolName.flatMap { span(of: $0, in: map.origin) }
            map.forEach { (key, value) in
                found = found ?? find(atom, in: key) ?? find(atom, in: value)
                return found == nil
            }
            return found
        case .set(let set):
            return atom.symbolName.flatMap { span(of: $0, in: set.origin) }
                ?? set.elementVector().elements.lazy.compactMap { find(atom, in: $0) }.first
        default: break
        }
        guard let origin = form.origin, let elements = form.childForms else { return nil }
        for (index, element) in elements.enumerated() where index < origin.children.count {
            if element.symbolName != nil, element.symbolName == atom.symbolName {
                return Node.Place(source: origin.source, span: origin.children[index])
            }
            if let found = find(atom, in: element) { return found }
        }
        return nil
    }

    // MARK: Lists

    private mutating func analyzeList(_ list: Cons, _ form: Value) throws(Fault) -> Node {
        let saved = place
        defer { place = saved }
        place = ownPlace(form)
        guard let elements = list.elements else { return try analyze(.list(try Sequences.array(form))) }
        if let name = elements[0].symbolName {
            // A local hides a macro, but no special form.
            if let special = SpecialForm.of(name, in: namespace),
                special.isSyntax || name.hasNamespace || function.lookup(name) == nil
            {
                return try self.special(special, elements, form)
            }
            if name.hasNamespace || function.lookup(name) == nil {
                if let node = try interop(name, elements, form) { return node }
                if let variable = try resolve(name, elements[0], headOf: form) {
                    if variable.isMacro { return try expandMacro(variable, elements, form) }
                    if let node = try operation(variable, elements, form) { return node }
                } else {
                    let outer = place
                    defer { place = outer }
                    if let origin = form.origin, let span = origin.children.first {
                        place = Node.Place(source: origin.source, span: span)
                    }
                    throw unresolved(name)
                }
            }
        }
        if case .keyword = elements[0], elements.count == 2 {
            return Node(.keywordGet(elements[0], try value(elements[1], child: 1, of: form)), place)
        }
        let callee = try value(elements[0], child: 0, of: form)
        if case .constant(let value) = callee.kind, value.isNeverCallable {
            throw refuseCall(value, elements, form)
        }
        return Node(.call(callee, Lifting.lift(try arguments(elements, from: 1, form), of: callee)), place)
    }

    mutating func arguments(_ elements: [Value], from start: Int, _ form: Value) throws(Fault) -> [Node] {
        guard elements.count - start <= Emitter.maximumArguments else {
            throw fault(
                "a call takes at most \(Emitter.maximumArguments) arguments", at: form, hint: "use apply with a vector")
        }
        var nodes: [Node] = []
        for index in start..<max(start, elements.count) {
            nodes.append(try value(elements[index], child: index, of: form))
        }
        return nodes
    }

    /// A call that compiles to an instruction.
    private mutating func operation(_ variable: Var, _ elements: [Value], _ form: Value) throws(Fault) -> Node? {
        let count = elements.count - 1
        if count == 2, case .keyword = elements[2], Operation.isField(variable) {
            return Node(.field(elements[2], try value(elements[1], child: 1, of: form)), place)
        }
        if let operation = Operation.of(variable, arguments: count),
            operation != .getOr || Analyzer.isWrittenDown(elements[3])
        {
            return Node(.operation(operation, try arguments(elements, from: 1, form)), place)
        }
        if count > 2, count <= Analyzer.maximumFolding, let operation = Operation.folding(variable) {
            let operands = try arguments(elements, from: 1, form)
            return operands.dropFirst(2).reduce(Node(.operation(operation, Array(operands[0..<2])), place)) {
                Node(.operation(operation, [$0, $1]), place)
            }
        }
        return nil
    }

    /// Whether a form is a constant that takes one instruction to load.
    private static func isWrittenDown(_ form: Value) -> Bool {
        switch form {
        case .nil, .bool, .int, .double, .char, .keyword, .shortText, .longText: true
        default: false
        }
    }

    private mutating func expandMacro(_ macro: Var, _ elements: [Value], _ form: Value) throws(Fault) -> Node {
        let expansion = try expansion(macro, elements, form)
        let saved = expanding
        defer { expanding = saved }
        if form.origin != nil { expanding = (form, place) }
        mark(macro)
        return try analyze(expansion)
    }

    /// What the macro makes of a call of it.
    private func expansion(_ macro: Var, _ elements: [Value], _ form: Value) throws(Fault) -> Value {
        var environment = HashMap()
        for name in function.visibleNames { try HashMap.set(&environment, .symbol(name), .symbol(name)) }
        do throws(Fault) {
            return try expand(macro.root, [placed(form), .map(environment)] + elements.dropFirst())
        } catch {
            throw located(error, macro)
        }
    }

    /// A call as the macro gets it in `&form`: one that another macro made stands where that one was called.
    private func placed(_ form: Value) -> Value {
        guard case .list(let list) = form, list.origin == nil, let elements = list.elements, let place,
            !place.source.isLibrary
        else { return form }
        let origin = Origin(source: place.source, span: place.span, children: [])
        return .list(Cons.list(elements, extra: Extra.of(meta: list.meta, origin: origin)))
    }

    /// Says of what stands at the call of a macro that the macro made it, unless it belongs to the library.
    private mutating func mark(_ macro: Var) {
        guard let marked = place, marked.macro == nil, !marked.source.isLibrary else { return }
        let isPrivate = (try? macro.metadata?.find(.kw(.private))?.isTruthy) == true
        place?.macro = Definition(
            namespace: macro.namespace.description, name: macro.name.name, isPrivate: isPrivate)
    }

    /// Expands a top-level form for as long as it is the call of a macro.
    mutating func expandTop(_ form: Value) throws(Fault) -> Value {
        var form = form
        for _ in 0..<Analyzer.maximumDepth {
            guard let expansion = try expandTopOnce(form) else { return form }
            form = expansion
        }
        throw fault(
            "this macro call expands more than \(Analyzer.maximumDepth) levels deep",
            hint: "does the macro expand to a call of itself?")
    }

    /// One step of that; nil when it is no call of a macro.
    mutating func expandTopOnce(_ form: Value) throws(Fault) -> Value? {
        guard case .list(let list) = form, let elements = list.elements, let name = elements.first?.symbolName,
            SpecialForm.of(name, in: namespace) == nil, let macro = try resolve(name, form), macro.isMacro
        else { return nil }
        place = ownPlace(form)
        let expansion = try expansion(macro, elements, form)
        if form.origin != nil { expanding = (form, place) }
        mark(macro)
        return expansion
    }

    /// A fault from within a macro, shown at the macro's call.
    private func located(_ fault: Fault, _ macro: Var) -> Fault {
        guard case .thrown(let exception) = fault, let place else { return fault }
        // A macro of the library that refuses its call says where.
        if exception.type == .compiler, exception.trace.first?.isLibrary == false { return fault }
        let name = macro.name.description
        let message =
            exception.message.hasPrefix(name + " ") ? exception.message : "\(name): \(exception.message)"
        let outer = Exception(.compiler, message, data: exception.data, cause: .object(exception), hint: exception.hint)
        outer.callee = exception.callee
        outer.culprit = exception.culprit
        outer.trace = [TraceFrame(function: nil, source: place.source, span: place.span)]
        // A macro may say which form it refuses.
        if case .map(let data) = exception.data,
            let origin = (try? data.find(instance.names.keyword("form")))??.origin, !origin.source.isLibrary
        {
            outer.trace = [TraceFrame(function: nil, source: origin.source, span: origin.span)]
        }
        return .thrown(outer)
    }
}

extension Value {
    /// Where a collection form was read.
    var origin: Origin? {
        switch self {
        case .list(let list): list.origin
        case .vector(let vector): vector.origin
        case .map(let map): map.origin
        case .set(let set): set.origin
        default: nil
        }
    }

    /// The elements of a collection form in reading order, where that order is kept.
    var childForms: [Value]? {
        switch self {
        case .list(let list): list.elements
        case .vector(let vector): vector.elements
        default: nil
        }
    }

    var isNeverCallable: Bool {
        switch self {
        case .nil, .bool, .int, .double, .char, .shortText, .longText: true
        default: false
        }
    }
}

extension [Node] {
    /// The values, when every node is a constant.
    fileprivate var constants: [Value]? {
        var values: [Value] = []
        for node in self {
            guard case .constant(let value) = node.kind else { return nil }
            values.append(value)
        }
        return values
    }
}
