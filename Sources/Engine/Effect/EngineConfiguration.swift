import Values

/// `:effects` of `configure` (P1, P19).
package struct EngineConfiguration: Sendable {
    package var maxInflight = 4
    /// Nil for no limit.
    package var timeoutMs: Int64? = 60_000
    package var retainCompleted = 500
    package var limits: [Name: Int] = [:]
    package var rates: [Name: Rate] = [:]

    /// At most `max` starts in any `perMs` milliseconds.
    package struct Rate: Equatable, Sendable {
        package var max: Int
        package var perMs: Int64

        package init(max: Int, perMs: Int64) {
            self.max = max
            self.perMs = perMs
        }
    }

    package init() {}

    package init(_ map: HashMap) throws(KeyError) {
        for (key, value) in try KeyTable.read(map, EngineConfiguration.table, owner: ":effects") {
            switch key {
            case .maxInflight: maxInflight = Int(value.intValue ?? 4)
            case .retainCompleted: retainCompleted = Int(value.intValue ?? 500)
            case .timeoutMs: timeoutMs = value.intValue.flatMap { $0 > 0 ? $0 : nil }
            case .limits: limits = EngineConfiguration.byType(value) { $0.intValue.map(Int.init) }
            case .rate:
                rates = EngineConfiguration.byType(value) { item in
                    guard case .map(let rate) = item else { return nil }
                    // The table demands no key of a rate, so what is absent has the default it names.
                    let max = ((try? rate.find(.kw(.max))) ?? nil)?.intValue ?? 1
                    let perMs = ((try? rate.find(.kw(.perMs))) ?? nil)?.intValue ?? 1000
                    return Rate(max: Int(max), perMs: perMs)
                }
            default: break
            }
        }
        if let given = try? map.find(.kw(.timeoutMs)), given.isNil { timeoutMs = nil }
    }

    private static func byType<Item>(_ value: Value, _ item: (Value) -> Item?) -> [Name: Item] {
        var found: [Name: Item] = [:]
        guard case .map(let map) = value else { return found }
        map.forEach { (key, value) in
            if case .keyword(let name) = key, let made = item(value) { found[name] = made }
            return true
        }
        return found
    }

    /// The one table of these keys.
    package static let table: [KeyRow] = [
        KeyRow(.maxInflight, .whole(1...1_000_000), usual: "4", "effects running at once"),
        KeyRow(
            .timeoutMs, .milliseconds, usual: "60000",
            "how long an attempt may take unless its type or meta says; nil for no limit"),
        KeyRow(
            .retainCompleted, .whole(0...10_000_000), usual: "500",
            "ended effects, and ended processes, that stay known"),
        KeyRow(.limits, .byKeyword(.whole(1...1_000_000)), "at most so many at once, per effect type"),
        KeyRow(.rate, .byKeyword(.map(rateTable)), "at most so many starts in a time, per effect type"),
    ]

    package static let rateTable: [KeyRow] = [
        KeyRow(.max, .whole(1...1_000_000), usual: "1", "starts"),
        KeyRow(.perMs, .whole(1...86_400_000), usual: "1000", "in so many milliseconds"),
    ]
}
