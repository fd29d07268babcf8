import Adapters
import Engine
import Machine
import Values

/// `(fs/read path)`, `(http/request {…})` and so on: one function for each built-in effect, made from the table of effects.
///
/// Parameters are given in the table's order, as far as they are required or the first; a map at the end gives the others
/// by name, and `:meta`.
enum EffectFunctions {
    /// By namespace (`sluice.fs`) and name.
    static func natives(in instance: Instance) -> [String: [String: Native]] {
        let perform = instance.namespace(instance.names.intern(nil, "sluice.runtime")).intern(
            instance.names.intern(nil, "perform"))
        var made: [String: [String: Native]] = [:]
        for row in EffectRow.table {
            let type = instance.names.intern(row.type)
            guard let family = type.namespace else { continue }
            made["sluice.\(family)", default: [:]][type.name] = native(row, type, perform)
        }
        return made
    }

    /// What a row says, and the parameters that its function takes, as text.
    static func documentation(_ type: String) -> (text: String, arguments: String)? {
        guard let row = EffectRow.row(type) else { return nil }
        let required = row.params.prefix(max(1, row.params.filter(\.required).count)).map(\.key.name.name)
        let options = row.params.dropFirst(required.count)
        let text =
            ([sentence(row.doc)]
            + (options.isEmpty ? [] : ["  Options:"] + options.map { "    :\($0.key.name.name)  \($0.doc)" }))
            .joined(separator: "\n")
        let positional = required.joined(separator: " ")
        return (text, "[\(positional)]" + " [\(positional) options]")
    }

    /// With a capital and a full stop: the rows are written as parts of sentences.
    private static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() + "." }

    private static func native(_ row: EffectRow, _ type: Name, _ perform: Var) -> Native {
        let positional = max(1, row.params.filter(\.required).count)
        return Native(row.type, .between(0, positional + 1)) { (arguments, _) throws(Fault) in
            .call(perform.root, [.map(try effect(row, type, arguments, positional))])
        }
    }

    private static func effect(_ row: EffectRow, _ type: Name, _ arguments: Arguments, _ positional: Int) throws(Fault)
        -> HashMap
    {
        var map = HashMap()
        try HashMap.set(&map, .kw(.effectSlashType), .keyword(type))
        var given = arguments.all[...]
        if case .map(let options)? = given.last, given.count > positional || row.params[given.count - 1].kind != .map {
            given.removeLast()
            try options.forEach { (key, value) throws(Fault) in
                try HashMap.set(&map, key, value)
                return true
            }
        }
        guard given.count <= positional else {
            throw .of(
                .arity,
                "\(row.type) takes \(positional) arguments and a map of options, but was called with \(arguments.count)"
            )
        }
        for (value, parameter) in zip(given, row.params) { try HashMap.set(&map, .kw(parameter.key), value) }
        return map
    }
}
