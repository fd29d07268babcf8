import Machine
import Reader
import Values

// What is said about forms of the wrong shape. The analysis recurses through the functions that find them, so the messages
// are made in functions of their own, which leaves the others small frames on the native stack.
extension Analyzer {
    // MARK: Special forms

    func refuseQuote(_ elements: [Value], _ form: Value) -> Fault {
        fault("quote takes one form, but found \(elements.count - 1)", child: min(2, elements.count - 1), of: form)
    }

    func refuseThrow(_ elements: [Value], _ form: Value) -> Fault {
        fault(
            "throw takes one exception, but found \(elements.count - 1) forms", child: min(2, elements.count - 1),
            of: form, hint: "for instance (throw (ex-info \"message\" {:key 1}))")
    }

    func refuseWhen(_ special: SpecialForm, _ form: Value) -> Fault {
        fault("\(special.rawValue) takes a test and a body, but there is nothing", at: form)
    }

    func refuseIf(_ elements: [Value], _ form: Value, negated: Bool) -> Fault {
        let takes = "\(negated ? "if-not" : "if") takes a test, a then and an optional else, but found"
        guard elements.count > 4 else {
            return fault("\(takes) \(elements.count == 1 ? "nothing" : "only the test")", at: form)
        }
        let word = elements[3].symbolName?.description
        let isWord = word == "else" || word == "then"
        return fault(
            "\(takes) \(elements.count - 1) forms", child: isWord ? 3 : 4, of: form,
            hint: isWord
                ? "the branches follow each other without a word between them"
                : "wrap several forms of one branch in (do …)")
    }

    func refuseCond(_ elements: [Value], _ form: Value) -> Fault {
        fault(
            "cond takes pairs of test and value, but the last of \(elements.count - 1) forms has no value",
            child: elements.count - 1, of: form, hint: "for what no test holds for, put :else before it")
    }

    func refuseLateFinally(_ clause: Value) -> Fault {
        fault("finally is the last clause of try", at: clause, hint: "put it after the catch clauses")
    }

    func refuseLateBody(_ clause: Value) -> Fault {
        fault("the body of try comes before its catch clauses", at: clause, hint: "move this before them")
    }

    func refuseCatch(_ parts: [Value], _ form: Value) -> Fault {
        let found = parts.count > 2 ? ", but found \(parts[2].briefly) for a name" : ""
        return fault(
            "catch takes a class, a name and a body\(found)", child: min(2, parts.count - 1), of: form,
            hint: "for instance (catch Exception e …)")
    }

    func refuseCatchClass(_ parts: [Value], _ form: Value) -> Fault {
        guard let symbol = parts[1].symbolName else {
            return fault(
                "catch takes a class name or :default, but found \(parts[1].briefly)", child: 1, of: form,
                hint: "for instance (catch Exception e …)")
        }
        let short = symbol.name.split(separator: ".").last.map(String.init) ?? symbol.name
        return fault(
            "there is no exception class \(symbol.description)", child: 1, of: form,
            hint: Nearest.hint(for: short, among: ExceptionClass.allCases.map(\.rawValue))
                ?? "catch Exception, ExceptionInfo or :default")
    }

    func refuseRecur(_ elements: [Value], _ target: LoopTarget, _ form: Value) -> Fault {
        let names = target.locals.compactMap(\.name).map(\.description)
        let count = target.locals.count
        return fault(
            "recur needs \(count) \(count == 1 ? "value" : "values"), but is given \(elements.count - 1)", at: form,
            hint: names.count == count && count > 0 ? "one for each of \(names.joined(separator: ", "))" : nil)
    }

    func refuseSet(_ form: Value) -> Fault {
        fault(
            "set! takes a dynamic var and a value", at: form, hint: "what changes is kept in an atom: (atom 0), swap!")
    }

    func refuseSetOfLocal(_ name: Name, _ form: Value) -> Fault {
        fault(
            "\(name.description) is a local: locals do not change", child: 1, of: form,
            hint: "keep changing state in an atom: (atom 0), swap!")
    }

    // MARK: Calls

    func refuseCall(_ value: Value, _ elements: [Value], _ form: Value) -> Fault {
        fault(
            "cannot call \(value.briefly): it is not a function", child: 0, of: form,
            hint: infixHint(elements)
                ?? "the first element of a list is called; quote the list, or remove one pair of parentheses")
    }

    /// For `(1 + 2)`.
    private func infixHint(_ elements: [Value]) -> String? {
        guard elements.count == 3, let name = elements[1].symbolName, function.lookup(name) == nil,
            Resolver(instance: instance, namespace: namespace).resolve(name) != nil
        else { return nil }
        return "the function comes first: (\(name.description) … …)"
    }

    // MARK: Bindings

    /// Refuses what is no pattern, before what it is bound to is looked at.
    func checkPattern(_ pattern: Value, child index: Int, of parent: Value) throws(Fault) {
        if pattern.symbolName != nil { return }
        switch pattern {
        case .vector, .map: return
        default:
            throw fault(
                "a binding names a symbol, a vector or a map, but found \(pattern.briefly)", child: index, of: parent,
                hint: "names and values come by turns: [name value …]")
        }
    }

    func refuseBindings(_ name: String, _ elements: [Value], _ form: Value) -> Fault {
        let found = elements.count >= 2 ? ", but found \(elements[1].briefly)" : ""
        return fault(
            "\(name) takes a vector of bindings\(found)", child: 1, of: form, hint: "for instance (\(name) [x 1] …)")
    }

    func refuseOddBindings(_ name: String, _ vector: Vector, _ form: Value) -> Fault {
        fault(
            "\(name) takes pairs of name and value, but the last of \(vector.count) forms has no value",
            child: vector.count - 1, of: form, hint: "give it a value, or look for a missing one before it")
    }

    func refuseLetfn(_ form: Value) -> Fault {
        fault("letfn takes a vector of functions", child: 1, of: form, hint: "for instance (letfn [(f [x] …)] …)")
    }

    func refuseLetfnFunction(_ definition: Value, _ index: Int, _ vector: Value) -> Fault {
        fault(
            "letfn takes functions in its vector, but found \(definition.briefly)", child: index, of: vector,
            hint: "for instance (letfn [(twice [x] (* 2 x))] (twice 2))")
    }

    func refusePattern(_ pattern: Value) -> Fault {
        fault(
            "a binding names a symbol, a vector or a map, but found \(pattern.briefly)", at: pattern,
            hint: "a pattern holds names; what stands at their places is taken from the value")
    }

    func refuseNames(_ key: Name, _ found: Value, _ pattern: Value) -> Fault {
        fault(
            ":\(key.description) takes a vector of names, but found \(found.briefly)", at: pattern,
            hint: "for instance {:\(key.description) [a b]}")
    }

    func refusePatternKey(_ key: Name, _ pattern: Value) -> Fault {
        fault(
            "a pattern has no key :\(key.description)", at: pattern,
            hint: Nearest.hint(for: ":\(key.name)", among: [":keys", ":strs", ":syms", ":or", ":as"])
                ?? "names stand before the keys that they are bound to: {name :key}, or {:keys [name]}")
    }

    // MARK: Functions and definitions

    /// `rest` is how many forms there are from the one found on.
    func refuseParameters(_ found: Value, child index: Int, of form: Value, rest: Int) -> Fault {
        var hint = "a function without parameters has [], as in (fn [] 42)"
        if rest > 1, case .list(let list) = found, let elements = list.elements {
            let names = elements.compactMap { $0.symbolName?.description }
            if names.count == elements.count {
                hint = "parameters stand in square brackets: [\(names.joined(separator: " "))]"
            }
        }
        return fault(
            "a function takes a vector of parameters, but found \(found.briefly)", child: index, of: form, hint: hint)
    }

    func refuseNoParameters(_ form: Value) -> Fault {
        fault(
            "a function takes a vector of parameters, but there is none", at: form,
            hint: "for instance (fn [x] (inc x))")
    }

    func refuseRest(_ parameters: Value, after index: Int, count: Int) -> Fault {
        fault(
            "& is followed by exactly one name, the last", child: min(index + 2, count - 1), of: parameters,
            hint: "it takes all arguments that are left: [x & more]")
    }

    func refuseSameArity(_ count: Int, child index: Int, of form: Value) -> Fault {
        fault(
            "two arities take \(count) \(count == 1 ? "argument" : "arguments")", child: index, of: form,
            hint: "a call could not choose between them")
    }

    func refuseDef(_ elements: [Value], _ form: Value) -> Fault {
        guard elements.count >= 2, elements[1].symbolName != nil else {
            let found = elements.count >= 2 ? ", but found \(elements[1].briefly)" : ""
            return fault("def takes a name\(found)", child: 1, of: form, hint: "for instance (def answer 42)")
        }
        guard elements.count > 4 else {
            return fault(
                "def takes one value, and a docstring before it, but found \(elements[2].briefly)", child: 2, of: form,
                hint: "a function is defined with defn")
        }
        return fault(
            "def takes a name, an optional docstring and a value, but found \(elements.count - 1) forms", child: 3,
            of: form, hint: "a function is defined with defn")
    }

    func refuseForeignName(_ qualifier: String, _ form: Value) -> Fault {
        fault(
            "a definition belongs to its own namespace, \(namespace.name.description)", child: 1, of: form,
            hint: "write the name without \(qualifier)/, or define it in that namespace's file")
    }

    func refuseDefinition(_ special: SpecialForm, _ elements: [Value], _ form: Value) -> Fault {
        let found = elements.count >= 2 ? ", but found \(elements[1].briefly)" : ""
        return fault(
            "\(special.rawValue) takes a name, then parameters and a body\(found)", child: 1, of: form,
            hint: "for instance (\(special.rawValue) double [x] (* 2 x)); a function without a name is (fn [x] …)")
    }

    // MARK: Names

    func refusePrivate(_ variable: Var, _ name: Name, headOf list: Value?) -> Fault {
        let message = "\(variable.name.description) is private to \(variable.namespace.description)"
        let hint = "define it with defn to offer it; #'\(name.description) reaches it all the same"
        return list.map { fault(message, child: 0, of: $0, hint: hint) } ?? fault(message, hint: hint)
    }
}
