extension Numbers {
    /// Orders integers and doubles by value, an integer as the double nearest to it; `##NaN` counts as equal to everything,
    /// as it does to Clojure's `compare`.
    static func compare(_ left: Value, _ right: Value) throws(Fault) -> Int {
        switch (left, right) {
        case (.int(let a), .int(let b)): a < b ? -1 : a > b ? 1 : 0
        case (.double(let a), .double(let b)): a < b ? -1 : a > b ? 1 : 0
        case (.int(let a), .double(let b)): Double(a) < b ? -1 : Double(a) > b ? 1 : 0
        case (.double(let a), .int(let b)): a < Double(b) ? -1 : a > Double(b) ? 1 : 0
        default: throw Value.incomparable(left, right)
        }
    }
}
