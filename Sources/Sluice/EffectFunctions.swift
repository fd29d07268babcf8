import Adapters
import Engine
import Machine
import Values

/// `(fs/read path)`, `(http/request {…})` and so on: one function for each built-in effect, made from the table of effects.
///
/// Parameters are given in the table's order, as far as they are required or the first; a map at the end gives the others
/// by name, and `:meta`.
struct EffectFunctions: Sendable {
    private let instance: Instance

    init(_ instance: Instance) { self.instance = instance }

    private static let prefix = "sluice."

    /// `sluice.fs` and its kin, in no order.
    var namespaces: Set<String> {
        Set(EffectRow.table.map { EffectFunctions.prefix + $0.type.prefix { $0 != "/" } })
    }

    func has(_ namespace: String) -> Bool { !names(in: namespace).isEmpty }

    func names(in namespace: String) -> [String] {
        guard namespace.hasPrefix(EffectFunctions.prefix) else { return [] }
        let family = namespace.dropFirst(EffectFunctions.prefix.count) + "/"
        return EffectRow.table.filter { $0.type.hasPrefix(family) }.map { String($0.type.dropFirst(family.count)) }
            .sorted()
    }

    /// The function, made when it is asked for: a script names few of them.
    func find(_ namespace: Name, _ name: Name) -> Native? {
        let names = instance.names
        guard let row = EffectFunctions.row(namespace.description, name.name),
            let perform = instance.findNamespace(names.intern(nil, "sluice.runtime"))?.find(
                names.intern(nil, "perform"))
        else { return nil }
        return EffectFunctions.native(row, names.intern(row.type), perform)
    }

    private static func row(_ namespace: String, _ name: String) -> EffectRow? {
        guard namespace.hasPrefix(prefix) else { return nil }
        return EffectRow.row("\(namespace.dropFirst(prefix.count))/\(name)")
    }

    /// What documents the function, if it is one of them.
    static func documentation(_ namespace: String, _ name: String) -> (text: String, arguments: String)? {
        row(namespace, name).map(documentation)
    }

    /// What a row says, and the parameters that its function takes, as text.
    private static func documentation(_ row: EffectRow) -> (text: String, arguments: String) {
        let required = row.params.prefix(positional(row)).map(\.key.name.name)
        let options = row.params.dropFirst(required.count)
        let text =
            ([sentence(row.doc)]
            + (options.isEmpty ? [] : ["  Options:"] + options.map { "    :\($0.key.name.name)  \($0.doc)" }))
            .joined(separator: "\n")
        return (text, "[\(required.joined(separator: " "))] [\((required + ["options"]).joined(separator: " "))]")
    }

    /// How many parameters are given by place.
    private static func positional(_ row: EffectRow) -> Int {
        min(row.params.count, max(1, row.params.filter(\.required).count))
    }

    /// With a capital and a full stop: the rows are written as parts of sentences.
    private static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() + "." }

    private static func native(_ row: EffectRow, _ type: Name, _ perform: Var) -> Native {
        let positional = positional(row)
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
