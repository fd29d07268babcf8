import Engine
import Machine
import Values

/// Why an effect on processes is not done.
struct ProcessRefusal: Error {
    let error: EffectError
    /// What is wrong with a parameter.
    init(_ message: String) { error = EffectError(.invalidEffect, message) }
    init(_ error: ControllerError) { self.error = error.effectError }
}

/// The parameters of an effect on processes, beyond what the engine checks: what reaches a registry is data.
struct ProcessParams {
    let effect: Effect

    func text(_ key: KnownName) -> String? { effect[key]?.stringValue }

    /// Throws when there is another parameter: a misspelt one would be ignored.
    func refuseOthers(than known: [Name]) throws(ProcessRefusal) {
        var stranger: Value?
        effect.params.forEach { (key, _) in
            if case .keyword(let name) = key, known.contains(name) { return true }
            stranger = key
            return false
        }
        guard let stranger else { return }
        let names = known.map { ":\($0.description)" }
        let next =
            Nearest.name(to: ValueKey.shown(stranger), among: names).map { "did you mean \($0)?" }
            ?? "it takes \(names.joined(separator: " "))"
        throw ProcessRefusal(":\(effect.type.description) has no parameter \(ValueKey.shown(stranger)); \(next)")
    }

    /// The name of a session, which must say something; nil when it is absent.
    func session(_ key: KnownName) throws(ProcessRefusal) -> String? {
        guard let name = text(key) else { return nil }
        guard name.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
            throw ProcessRefusal("the \(shown(key)) is blank; name a session")
        }
        return name
    }

    var mode: ProcessCommand.ListMode {
        get throws(ProcessRefusal) {
            switch effect[.mode]?.knownKeyword {
            case nil where effect[.mode]?.isNil ?? true: return .live
            case .live: return .live
            case .all: return .all
            default: throw wrong(.mode, ":live or :all")
            }
        }
    }

    var ids: [String] {
        get throws(ProcessRefusal) {
            var ids: [String] = []
            let given: [Value]
            do throws(Fault) { given = try Sequences.array(effect[.ids] ?? .nil) } catch {
                throw wrong(.ids, "the ids of processes in a vector")
            }
            for value in given {
                guard let id = value.stringValue else { throw wrong(.ids, "the ids of processes, which are strings") }
                if !ids.contains(id) { ids.append(id) }
            }
            return ids
        }
    }

    /// - Parameter isSent: the event is to be appended, which the registry's own are by nobody else.
    func eventType(isSent: Bool) throws(ProcessRefusal) -> String {
        let given = effect[.type] ?? .nil
        let type: String
        if case .keyword(let name) = given { type = name.description } else { type = given.stringValue ?? "" }
        guard !type.isEmpty else { throw wrong(.type, "a keyword or a string") }
        guard !isSent || !type.hasPrefix(ProcessEvent.reserved) else {
            throw ProcessRefusal(
                "events whose type begins with \(ProcessEvent.reserved) are the registry's own; use :process/cancel to end a process, or another type"
            )
        }
        return type
    }

    /// A parameter that is kept, and so must be data; nil when it is absent.
    func data(_ key: KnownName) throws(ProcessRefusal) -> Value? {
        guard let value = effect[key] else { return nil }
        if let stranger = value.firstThatIsNoData {
            let next =
                switch stranger {
                case .lazy, .seq: "a lazy sequence; realise it with vec"
                case .function, .native: "a function; name it by its qualified symbol"
                default: ValueKey.shown(stranger)
                }
            throw ProcessRefusal("the \(shown(key)) must be data, but in it is \(next)")
        }
        return value
    }

    /// What a process is to run, as the name that is kept: a symbol of a function, a keyword of an effect type.
    func run(among types: [Name], _ names: Names) throws(ProcessRefusal) -> Value {
        let given = effect[.run] ?? .nil
        switch given {
        case .keyword(let type):
            if types.contains(type) { return given }
            throw ProcessRefusal(EffectError.unknownType(type, known: types).message)
        case .object(let object):
            if let variable = object as? Var { return .symbol(names.intern(variable.fullName)) }
        default: break
        }
        if let name = given.symbolName {
            if name.hasNamespace { return .symbol(name) }
            throw ProcessRefusal(
                "the :run of a process must name its namespace, but it is \(name.name); write `\(name.name) or the var #'\(name.name)"
            )
        }
        throw wrong(
            .run, "the qualified symbol or the var of a function, or an effect type, so that it outlives the run")
    }

    /// What a name of a function stands for; throws when it cannot be called.
    static func checked(_ found: Value, _ name: Name) throws(Fault) -> Value {
        let root = ProcessWorkRunner.root(of: found)
        switch root {
        case .function, .native: return .nil
        case .object(let object) where object.kind == .multimethod: return .nil
        default:
            throw RunEffect.refusal(
                "the :run of a process must name a function, but \(name.description) is \(ValueKey.shown(root))")
        }
    }

    /// Bytes in print that are kept of the data of one error: hundreds of rows that have ended may have one each.
    private static let errorDataLimit = 1 << 16

    /// Of the data of an error what a row keeps: the entries that are data and have room, in their order; nil when that is nothing.
    /// An error is worth knowing without the rest, and nothing may fail because it failed.
    static func kept(ofErrorData data: Value) -> Value {
        guard case .map(let given) = data else { return .nil }
        var room = errorDataLimit
        let kept = try? HashMap.gathered(upTo: given.count) { map in
            given.forEach { (key, value) in
                // Printed first, for what prints in so few bytes is looked through in little time.
                var printer = Printer(readably: true)
                printer.forces = false
                printer.byteLimit = room
                guard (try? printer.write(key)) != nil, (try? printer.write(value)) != nil,
                    key.firstThatIsNoData == nil, value.firstThatIsNoData == nil
                else { return true }
                room -= printer.bytes.count
                map.add(key, value)
                return true
            }
        }
        return kept.flatMap { $0.isEmpty ? nil : .map($0) } ?? .nil
    }

    private func shown(_ key: KnownName) -> String { ":\(key.rawValue) of :\(effect.type.description)" }

    private func wrong(_ key: KnownName, _ expected: String) -> ProcessRefusal {
        ProcessRefusal("the \(shown(key)) must be \(expected), but it is \(ValueKey.shown(effect[key] ?? .nil))")
    }
}

extension Value {
    /// Something in this value, or itself, that is no data: it could not be kept, or would need the script that made it. Nil when
    /// there is nothing. The depth of what it goes through takes no stack.
    var firstThatIsNoData: Value? {
        var unseen = [self]
        while let value = unseen.popLast() {
            switch value {
            case .nil, .bool, .int, .double, .char, .keyword, .symbol, .shortText, .longText: continue
            case .vector(let vector): unseen += vector.elements
            case .map(let map):
                map.forEach { (key, value) in
                    unseen.append(key)
                    unseen.append(value)
                    return true
                }
            case .list, .set: unseen += (try? Sequences.array(value)) ?? []
            case .object(let object):
                switch object.kind {
                case .symbol, .bigInteger, .ratio, .decimal, .float, .instant, .uuid: continue
                case .sortedMap, .sortedSet: unseen += (try? Sequences.array(value)) ?? []
                default: return value
                }
            case .lazy, .seq, .function, .native: return value
            }
        }
        return nil
    }
}
