import Values

/// How the elements of a list stand when they begin lines: the one table of forms that are not plain calls, as the Clojure
/// community writes them.
struct IndentationRule {
    enum Style: Equatable {
        /// Arguments stand under the first one, or one column in when that begins a line itself.
        case call
        /// Everything stands two columns in.
        case body
        /// After so many arguments of its own comes a body, two columns in when it begins a line.
        case block(Int)
        /// Data: one column in.
        case data
    }

    var style: Style
    /// The element (the head is 0) from which on they come in pairs, or nil.
    var pairsFrom: Int?
    /// The first argument is a vector of names and values.
    var bindsNames = false
    /// Lists in it are methods: a name, parameters, a body.
    var holdsMethods = false
    /// Its first argument is a vector of such lists.
    var bindsFunctions = false

    static let call = IndentationRule(style: .call)
    static let data = IndentationRule(style: .data)
    static let body = IndentationRule(style: .body)

    /// What a list that begins with this symbol is, by its name without a namespace.
    static func of(symbol: String) -> IndentationRule {
        // `clojure.core//` is a name, too.
        let name = symbol.split(separator: "/").last.map(String.init) ?? symbol
        if let known = table[name] { return known }
        return isDefinition(name) || name.hasPrefix("with-") ? body : call
    }

    /// `def…` defines something, but for a few words that happen to begin so.
    private static func isDefinition(_ name: String) -> Bool {
        name.hasPrefix("def") && !["default", "defer", "deflat"].contains { name.hasPrefix($0) }
    }

    private static let table: [String: IndentationRule] = {
        var table: [String: IndentationRule] = [:]
        for (names, rule) in rows {
            for name in names.split(separator: " ") { table[String(name)] = rule }
        }
        return table
    }()

    private static let rows: [(names: String, rule: IndentationRule)] = [
        ("fn fn* bound-fn", body),
        ("do try finally comment delay future lazy-seq dosync io! go thread", block(0)),
        ("when when-not if if-not while ns testing doto locking extend struct-map fdef", block(1)),
        ("catch are as->", block(2)),
        ("with-meta with-redefs-fn with-bindings* deref", call),
        (
            "let let* loop loop* for doseq dotimes binding when-let when-some when-first if-let if-some go-loop",
            IndentationRule(style: .block(1), bindsNames: true)
        ),
        ("with-open with-redefs with-local-vars", IndentationRule(style: .block(1), bindsNames: true)),
        ("letfn letfn*", IndentationRule(style: .block(1), bindsFunctions: true)),
        ("cond alt! alt!!", IndentationRule(style: .block(0), pairsFrom: 1)),
        ("case cond-> cond->>", IndentationRule(style: .block(1), pairsFrom: 2)),
        ("condp", IndentationRule(style: .block(2), pairsFrom: 3)),
        ("deftype defrecord defprotocol definterface reify", IndentationRule(style: .body, holdsMethods: true)),
        ("extend-type extend-protocol", IndentationRule(style: .block(1), holdsMethods: true)),
        ("proxy", IndentationRule(style: .block(2), holdsMethods: true)),
    ]

    private static func block(_ arguments: Int) -> IndentationRule { IndentationRule(style: .block(arguments)) }
}
