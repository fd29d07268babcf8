import Compiler
import Machine
import Reader
import Values

extension Session {
    /// Compiles every form of a script and evaluates its definitions and declarations alone (G2); the faults found.
    ///
    /// A definition whose value needs the world is left without one: effects are for a run.
    package func checkDefinitions(of source: Source) -> (faults: [Fault], forms: [Value]) {
        var forms: [Value] = []
        var faults: [Fault] = []
        do throws(Fault) {
            try evaluator.eachForm(of: source, in: { [self] in namespace }) { form in
                forms.append(form.value)
                if Session.defines(form.value) {
                    if case .failure(let fault) = evaluate(form, of: source), fault.isOfForm { faults.append(fault) }
                } else if case .failure(let fault) = compile(form, of: source) {
                    faults.append(fault)
                }
            }
        } catch {
            // What cannot be read tells more than what goes wrong for want of the rest.
            return ([error], [])
        }
        return (faults, forms)
    }

    /// Forms that `check` evaluates: whatever a name with `def` in it, `ns`, `require`, `configure` or `needs` begins.
    private static func defines(_ form: Value) -> Bool {
        guard case .list(let list) = form, let head = list.first.symbolName else { return false }
        return head.name.hasPrefix("def")
            || ["ns", "require", "use", "configure", "needs", "declare", "in-ns"].contains(head.name)
    }

    private func compile(_ form: Form, of source: Source) -> Result<Value, Fault> {
        Result { () throws(Fault) in
            try evaluator.checkCompile(form.value, in: namespace, source: source, span: form.span)
            return .nil
        }
    }
}

extension Fault {
    /// The form itself is wrong, as against its evaluation having failed for want of the world.
    fileprivate var isOfForm: Bool {
        guard case .thrown(let exception) = self else { return false }
        return exception.type != .io && exception.type != .info
    }
}
