import Compiler
import Graph
import Machine
import Reader
import Values

/// What `check` learns of a script without running it.
package struct CheckedScript {
    /// What is wrong with its forms.
    package fileprivate(set) var faults: [Fault] = []
    /// Its top-level forms as far as they were followed: without the `do` around them, and what came of macros that declare.
    package fileprivate(set) var forms: [Value] = []
    /// What it may declare in places that only a run reaches.
    package fileprivate(set) var unseen = UnseenDeclarations()

    package init(faults: [Fault] = []) { self.faults = faults }
}

extension Session {
    /// Compiles every form of a script and evaluates its definitions and declarations alone (G2).
    ///
    /// What stands in a `do` at the top level stands at the top level, and so does what comes of a macro. A definition whose
    /// value needs the world is left without one: effects are for a run.
    package func checkDefinitions(of source: Source) -> CheckedScript {
        evaluator.declarations = []
        evaluator.unloaded = []
        defer {
            evaluator.declarations = nil
            evaluator.unloaded = nil
        }
        var reader = forms(of: source)
        var check = DefinitionCheck(session: self, source: source)
        do throws(Fault) {
            while let form = try reader.next() { check.take(form) }
        } catch {
            // What cannot be read tells more than what goes wrong for want of the rest.
            return CheckedScript(faults: [error])
        }
        check.checked.unseen.find(in: evaluator.declarations ?? [], besides: builder.graph, builder.names)
        return check.checked
    }
}

/// The state of going through the top-level forms of one script.
private struct DefinitionCheck {
    let session: Session
    let source: Source
    var checked = CheckedScript()
    private var unloaded: UnloadedNames

    init(session: Session, source: Source) {
        self.session = session
        self.source = source
        unloaded = UnloadedNames(session.instance)
    }

    /// Macros that come to calls of macros are followed so far; the compiler says of deeper ones that they do not end.
    private static let maximumDepth = 200

    mutating func take(_ form: Form, depth: Int = 0) {
        guard depth < DefinitionCheck.maximumDepth, let followed = followed(form.value, span: form.span) else {
            checked.forms.append(form.value)
            return compile(form)
        }
        guard case .list(let list) = followed, let elements = list.elements, DefinitionCheck.isDo(followed) else {
            checked.forms.append(followed)
            return evaluate(Form(followed, form.span))
        }
        for (index, element) in elements.enumerated().dropFirst() {
            let origin = list.origin
            let span = origin.flatMap { index < $0.children.count ? $0.children[index] : nil }
            take(Form(element, span ?? form.span), depth: depth + 1)
        }
    }

    /// The `do` or the definition that a form is or comes to when its macros are expanded; nil when it is a call or the like,
    /// which is for a run.
    private func followed(_ form: Value, span: Span) -> Value? {
        var form = form
        for _ in 0..<DefinitionCheck.maximumDepth {
            if DefinitionCheck.isDo(form) || DefinitionCheck.defines(form) { return form }
            // What is wrong with the call is told when it is compiled.
            let expansion = try? session.evaluator.expandTopOnce(
                form, in: session.namespace, source: source, span: span)
            guard let expansion else { return nil }
            form = expansion
        }
        return nil
    }

    private mutating func evaluate(_ form: Form) {
        // Without what is missing a value may fail for its want alone; the code is right or wrong all the same.
        let requires = DefinitionCheck.requires(form.value)
        if !unloaded.isEmpty, !requires {
            guard compiled(form) != nil else { return }
        }
        let result = session.evaluate(form, of: source)
        checked.faults += unloaded.take(session.evaluator.unloaded ?? [], of: form, in: source)
        guard case .failure(let fault) = result, fault.isOfForm, unloaded.isEmpty || requires else { return }
        checked.faults.append(fault)
    }

    private mutating func compile(_ form: Form) {
        if let function = compiled(form) { checked.unseen.note(run: .function(function)) }
    }

    /// Nil when the form is wrong, which is told.
    private mutating func compiled(_ form: Form) -> Closure? {
        unloaded.note(form.value, in: session.namespace)
        do throws(Fault) {
            return try session.evaluator.checkCompile(
                form.value, in: session.namespace, source: source, span: form.span)
        } catch {
            if !unloaded.excuses(error, of: form, in: session.namespace, source) { checked.faults.append(error) }
            return nil
        }
    }

    private static func isDo(_ form: Value) -> Bool {
        guard case .list(let list) = form, let head = list.first.symbolName else { return false }
        return head.known == .do
    }

    /// Forms that `check` evaluates: whatever a name with `def` in it, `ns`, `require`, `configure` or `needs` begins.
    private static func defines(_ form: Value) -> Bool {
        guard case .list(let list) = form, let head = list.first.symbolName else { return false }
        return head.name.hasPrefix("def") || requires(form)
            || ["configure", "needs", "declare", "in-ns", "declare!"].contains(head.name)
    }

    /// Forms that load namespaces.
    private static func requires(_ form: Value) -> Bool {
        guard case .list(let list) = form, let head = list.first.symbolName else { return false }
        return ["ns", "require", "use"].contains(head.name)
    }
}

extension Fault {
    /// The form itself is wrong, as against its evaluation having failed for want of the world.
    fileprivate var isOfForm: Bool {
        guard case .thrown(let exception) = self else { return false }
        return exception.type != .io && exception.type != .info
    }
}
