import Machine
import Values

/// The functions that one arity uses, read off its instructions in their order.
///
/// The reading follows no jumps: what was last put into a register before a call, in the order of the text, counts as what
/// the call finds there. The compiler places arguments right before their call, so that is right but for an argument that
/// is chosen by an `if`, of which the last branch is seen.
struct CodeUses {
    private(set) var uses: [Use] = []
    /// Values passed to functions whose code is known.
    private(set) var flows: [Flow] = []
    /// What other threads get.
    private(set) var elsewhere = Elsewhere()
    private let code: Code
    private var registers: [Int: Origin] = [:]

    enum Target {
        case function(CalledFunction)
        /// What blocks its thread, by its name.
        case blocking(String)

        init?(_ value: Value) {
            if case .native(let callable) = value {
                guard let native = callable as? Native, native.blocks else { return nil }
                self = .blocking(Names.split(native.name).name)
            } else {
                guard let function = CalledFunction(value) else { return nil }
                self = .function(function)
            }
        }

        /// What the function calls itself, without its namespace.
        var ownName: String? {
            switch self {
            case .function(let function): function.prototype.name.map { Names.split($0).name }
            case .blocking(let name): name
            }
        }
    }

    struct Use {
        let target: Target
        let name: String?
        var place: SourceLabel?
        /// Made in this code rather than named by it.
        var isWithin = false
        /// Where the values come from that it closes over.
        fileprivate var captures: [Origin] = []

        init(_ target: Target, name: String?) {
            self.target = target
            self.name = name
        }
    }

    /// Where the value in a register comes from.
    enum Origin: Hashable {
        case use(Int)
        case parameter(Int)
        case capture(Int)
        case keyword(KnownName?)
    }

    /// Argument `position` of a call with `count` arguments.
    struct Flow {
        let origin: Origin
        let callee: Prototype
        let position: Int
        let count: Int
    }

    struct Elsewhere {
        var uses: Set<Int> = []
        var parameters: Set<Int> = []
        var captures: Set<Int> = []
    }

    init(_ code: Code) {
        self.code = code
        for parameter in 0..<code.parameters { registers[parameter] = .parameter(parameter) }
        for index in 0..<code.count { read(index) }
    }

    /// Notes that what comes from `origin` goes to another thread. True when that is new.
    mutating func sendElsewhere(_ origin: Origin) -> Bool {
        switch origin {
        case .use(let index):
            guard elsewhere.uses.insert(index).inserted else { return false }
            for capture in uses[index].captures { _ = sendElsewhere(capture) }
            return true
        case .parameter(let index): return elsewhere.parameters.insert(index).inserted
        case .capture(let index): return elsewhere.captures.insert(index).inserted
        case .keyword: return false
        }
    }

    private mutating func read(_ index: Int) {
        let i = code.instructions[index]
        switch i.op {
        case .copy: registers[i.a] = registers[i.b]
        case .move:
            registers[i.a] = registers[i.b]
            registers[i.b] = nil
        case .loadConst: registers[i.a] = origin(of: code.constant(at: i.wide, from: index), at: index)
        case .getDynamic: registers[i.a] = origin(of: code.constant(at: i.wide, from: index), at: index)
        case .getVar: registers[i.a] = origin(of: .object(code.variable(at: i.wide, from: index)), at: index)
        case .getCapture: registers[i.a] = .capture(i.b)
        case .makeClosure: makeClosure(i, index)
        case .callVar:
            let variable = code.variable(at: i.signedC, from: index)
            let callee = origin(of: .object(variable), at: index)
            call(callee, primitive: variable.root, i.a, count: i.b)
            registers[i.a] = nil
        case .take, .put:
            if i.flags & UInt64(Opcode.blockingFlag) != 0 {
                let name = i.op == .take ? "<!!" : ">!!"
                _ = add(Use(.blocking(name), name: name), at: index)
            }
            registers[i.a] = nil
        case .call, .callLocal, .callCapture:
            let callee = i.op == .call ? registers[i.a] : i.op == .callLocal ? registers[i.c] : .capture(i.c)
            call(callee, primitive: .nil, i.a, count: i.b)
            registers[i.a] = nil
        default: registers[i.a] = nil
        }
    }

    private func place(_ index: Int) -> SourceLabel? {
        guard let found = code.place(index), let source = found.source, !source.isLibrary else { return nil }
        return SourceLabel(source, source.head(of: found.span))
    }

    private mutating func add(_ use: Use, at index: Int) -> Origin {
        uses.append(use)
        uses[uses.count - 1].place = place(index)
        return .use(uses.count - 1)
    }

    private mutating func origin(of value: Value, at index: Int) -> Origin? {
        switch value {
        case .keyword: return .keyword(value.knownKeyword)
        case .function:
            guard let target = Target(value) else { return nil }
            var use = Use(target, name: target.ownName)
            use.isWithin = true
            return add(use, at: index)
        case .native: return Target(value).map { add(Use($0, name: $0.ownName), at: index) }
        case .object(let object):
            guard let variable = object as? Var, let target = Target(variable.root) else { return nil }
            return add(Use(target, name: variable.name.name), at: index)
        default: return nil
        }
    }

    private mutating func makeClosure(_ i: Instruction, _ index: Int) {
        guard case .object(let object) = code.constant(at: i.signedC, from: index),
            let prototype = (object as? PrototypeHolder)?.prototype
        else { return }
        var use = Use(.function(CalledFunction(prototype)), name: prototype.name)
        use.isWithin = true
        use.captures = (0..<prototype.captureCount).compactMap { registers[i.b + $0] }
        for register in i.b..<i.b + prototype.captureCount { registers[register] = nil }
        registers[i.a] = add(use, at: index)
    }

    /// Follows the arguments of a call, which stand in the registers after `a`.
    private mutating func call(_ callee: Origin?, primitive: Value, _ a: Int, count: Int) {
        let arguments = (0..<count).map { registers[a + 1 + $0] }
        for register in 0..<count { registers[a + 1 + register] = nil }
        if case .native(let native) = primitive {
            if let first = arguments.first, let first, CodeUses.starts(native.name, arguments) {
                _ = sendElsewhere(first)
            }
            // The fiber calls it with what comes after where it is to run.
            if native.name == "sluice.runtime/spawn", count > 2 { pass(arguments[2...], to: arguments[0]) }
            return
        }
        pass(arguments[...], to: callee)
    }

    private mutating func pass(_ arguments: ArraySlice<Origin?>, to callee: Origin?) {
        guard case .use(let index)? = callee, case .function(let function) = uses[index].target else { return }
        for (position, argument) in arguments.enumerated() {
            guard let argument else { continue }
            flows.append(Flow(origin: argument, callee: function.prototype, position: position, count: arguments.count))
        }
    }

    /// Whether a call of this primitive runs its first argument on a thread that may block.
    private static func starts(_ primitive: String, _ arguments: [Origin?]) -> Bool {
        switch primitive {
        case "sluice.runtime/spawn": arguments.count > 1 && arguments[1] == .keyword(.thread)
        case "sluice.runtime/future-call": true
        default: false
        }
    }
}

extension Source {
    /// The symbol that a call begins with, `<!!` of `(<!! c)`; the whole span when it is another form.
    fileprivate func head(of span: Span) -> Span {
        var start = Int(span.start)
        let end = min(Int(span.end), bytes.count)
        if start < end, bytes[start] == UInt8(ascii: "#") { start += 1 }
        guard start < end, bytes[start] == UInt8(ascii: "(") else { return span }
        start += 1
        let delimiters = Set(" \n\r\t,()[]{}\";".utf8)
        var stop = start
        while stop < end, !delimiters.contains(bytes[stop]) { stop += 1 }
        return stop > start ? Span(start, stop) : span
    }
}
