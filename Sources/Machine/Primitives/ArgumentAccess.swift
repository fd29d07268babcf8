import Values

/// Arguments of an expected kind; what does not fit throws, naming the operation, what it expected and what it found.
extension Arguments {
    /// Puts an argument back that was taken, so that the operation can run again.
    @inline(__always) func restore(_ index: Int, _ value: consuming Value) { base[index] = value }

    // Taken in functions of their own: a `switch` that binds a payload would keep a second reference.

    /// Moves out a vector, which the argument must be.
    func takeVector(_ index: Int) -> Vector {
        guard case .vector(let vector) = take(index) else { fatalError("not a vector") }
        return vector
    }

    /// Moves out a set, which the argument must be.
    func takeSet(_ index: Int) -> HashSet {
        guard case .set(let set) = take(index) else { fatalError("not a set") }
        return set
    }

    func text(_ index: Int, _ operation: String) throws(Fault) -> Text {
        if let text = base[index].textValue { return text }
        throw .type(operation, expected: "a string", found: base[index])
    }

    func string(_ index: Int, _ operation: String) throws(Fault) -> String { try text(index, operation).string }

    /// A 64-bit integer.
    func int(_ index: Int, _ operation: String) throws(Fault) -> Int64 {
        switch base[index] {
        case .int(let int): return int
        case .char(let scalar): return Int64(scalar)
        default: throw .type(operation, expected: "an integer", found: base[index])
        }
    }

    /// An integer, with the fraction of any other number cut off: counts and positions may be given as numbers of any kind.
    func count(_ index: Int, _ operation: String) throws(Fault) -> Int {
        if case .int(let int) = base[index] { return Int(int) }
        guard Numbers.isNumber(base[index]) else { throw .type(operation, expected: "an integer", found: base[index]) }
        return Int(try Numbers.long(base[index]))
    }

    /// How many steps a walk takes: one for each begun unit of a number of any kind.
    func steps(_ index: Int, _ operation: String) throws(Fault) -> Int {
        if case .int(let int) = base[index] { return Int(int) }
        guard Numbers.isNumber(base[index]) else { throw .type(operation, expected: "a number", found: base[index]) }
        let number = try Numbers.double(base[index]).rounded(.up)
        return number.isNaN ? 0 : Int(exactly: number) ?? (number < 0 ? .min : .max)
    }

    func double(_ index: Int, _ operation: String) throws(Fault) -> Double {
        switch base[index] {
        case .double(let double): return double
        case .int(let int): return Double(int)
        default: return try Numbers.double(base[index])
        }
    }

    func map(_ index: Int, _ operation: String) throws(Fault) -> HashMap {
        if case .map(let map) = base[index] { return map }
        throw .type(operation, expected: "a map", found: base[index])
    }

    /// The name of a symbol.
    func symbol(_ index: Int, _ operation: String) throws(Fault) -> Name {
        if let name = base[index].symbolName { return name }
        throw .type(operation, expected: "a symbol", found: base[index])
    }

    func variable(_ index: Int, _ operation: String) throws(Fault) -> Var {
        if case .object(let object) = base[index], let variable = object as? Var { return variable }
        throw .type(operation, expected: "a var", found: base[index])
    }

    /// An object of a Swift class; `expected` with its article.
    func object<Kind: Object>(_ index: Int, _ operation: String, _ expected: String, as type: Kind.Type = Kind.self)
        throws(Fault) -> Kind
    {
        if case .object(let object) = base[index] {
            // A cast looks through all superclasses at run time; mostly the class is the very one.
            if Swift.type(of: object) == type { return unsafeDowncast(object, to: type) }
            if let found = object as? Kind { return found }
        }
        throw .type(operation, expected: expected, found: base[index])
    }
}
