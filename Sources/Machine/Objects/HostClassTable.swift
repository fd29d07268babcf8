import Values

/// Which classes of the host can be named, and what each is derived from directly, as far as it can be named too.
///
/// The kinds of values that the language has stand where the host's have them, so that `instance?`, `isa?`, `bases` and
/// `extend-protocol` answer alike.
enum HostClassTable {
    /// Interfaces, and those that they extend.
    static let interfaces = rows(
        """
        java.lang.CharSequence
        java.lang.Comparable
        java.lang.Iterable
        java.lang.Runnable
        java.util.concurrent.Callable
        java.util.concurrent.Future
        java.util.Comparator
        java.util.Collection: java.lang.Iterable
        java.util.List: java.util.Collection
        java.util.Map
        java.util.Map$Entry
        java.util.Set: java.util.Collection
        java.util.RandomAccess
        clojure.lang.Named
        clojure.lang.IMeta
        clojure.lang.IObj: clojure.lang.IMeta
        clojure.lang.IDeref
        clojure.lang.IBlockingDeref
        clojure.lang.IPending
        clojure.lang.IRef: clojure.lang.IDeref
        clojure.lang.IReference: clojure.lang.IMeta
        clojure.lang.IAtom
        clojure.lang.IAtom2: clojure.lang.IAtom
        clojure.lang.IFn: java.lang.Runnable java.util.concurrent.Callable
        clojure.lang.Fn
        clojure.lang.Seqable
        clojure.lang.Sequential
        clojure.lang.Counted
        clojure.lang.Indexed: clojure.lang.Counted
        clojure.lang.ILookup
        clojure.lang.IRecord
        clojure.lang.IType
        clojure.lang.Reversible
        clojure.lang.Sorted
        clojure.lang.IHashEq
        clojure.lang.IReduceInit
        clojure.lang.IReduce: clojure.lang.IReduceInit
        clojure.lang.IKVReduce
        clojure.lang.IExceptionInfo
        clojure.lang.IEditableCollection
        clojure.lang.ITransientCollection
        clojure.lang.ITransientAssociative: clojure.lang.ITransientCollection clojure.lang.ILookup
        clojure.lang.ITransientVector: clojure.lang.ITransientAssociative clojure.lang.Indexed
        clojure.lang.ITransientMap: clojure.lang.ITransientAssociative clojure.lang.Counted
        clojure.lang.ITransientSet: clojure.lang.ITransientCollection clojure.lang.Counted
        clojure.lang.IPersistentCollection: clojure.lang.Seqable
        clojure.lang.Associative: clojure.lang.IPersistentCollection clojure.lang.ILookup
        clojure.lang.IPersistentMap: java.lang.Iterable clojure.lang.Associative clojure.lang.Counted
        clojure.lang.IPersistentStack: clojure.lang.IPersistentCollection
        clojure.lang.IPersistentVector: clojure.lang.Associative clojure.lang.Sequential clojure.lang.IPersistentStack \
        clojure.lang.Reversible clojure.lang.Indexed
        clojure.lang.IPersistentSet: clojure.lang.IPersistentCollection clojure.lang.Counted
        clojure.lang.IPersistentList: clojure.lang.Sequential clojure.lang.IPersistentStack
        clojure.lang.IMapEntry: java.util.Map$Entry
        clojure.lang.ISeq: clojure.lang.IPersistentCollection
        clojure.lang.IChunkedSeq: clojure.lang.ISeq clojure.lang.Sequential
        """)

    /// Classes, each with its superclass and then the interfaces that it implements. The exceptions stand in
    /// `ExceptionClass`.
    static let classes = rows(
        """
        java.lang.Object
        java.lang.Boolean: java.lang.Object java.lang.Comparable
        java.lang.Number: java.lang.Object
        java.lang.Long: java.lang.Number java.lang.Comparable
        java.lang.Integer: java.lang.Number java.lang.Comparable
        java.lang.Short: java.lang.Number java.lang.Comparable
        java.lang.Byte: java.lang.Number java.lang.Comparable
        java.lang.Float: java.lang.Number java.lang.Comparable
        java.lang.Double: java.lang.Number java.lang.Comparable
        java.math.BigInteger: java.lang.Number java.lang.Comparable
        java.math.BigDecimal: java.lang.Number java.lang.Comparable
        clojure.lang.BigInt: java.lang.Number clojure.lang.IHashEq
        clojure.lang.Ratio: java.lang.Number java.lang.Comparable
        java.lang.Character: java.lang.Object java.lang.Comparable
        java.lang.String: java.lang.Object java.lang.CharSequence java.lang.Comparable
        java.lang.Class: java.lang.Object
        java.util.regex.Pattern: java.lang.Object
        java.util.regex.Matcher: java.lang.Object
        java.util.UUID: java.lang.Object java.lang.Comparable
        java.util.Date: java.lang.Object java.lang.Comparable
        clojure.lang.AFn: java.lang.Object clojure.lang.IFn
        clojure.lang.AFunction: clojure.lang.AFn clojure.lang.IObj clojure.lang.Fn java.util.Comparator
        clojure.lang.MultiFn: clojure.lang.AFn
        clojure.lang.Keyword: java.lang.Object clojure.lang.IFn clojure.lang.Named java.lang.Comparable clojure.lang.IHashEq
        clojure.lang.Symbol: clojure.lang.AFn clojure.lang.IObj clojure.lang.Named java.lang.Comparable clojure.lang.IHashEq
        clojure.lang.ASeq: java.lang.Object clojure.lang.ISeq clojure.lang.Sequential java.util.List clojure.lang.IObj \
        clojure.lang.IHashEq
        clojure.lang.Cons: clojure.lang.ASeq
        clojure.lang.ChunkedCons: clojure.lang.ASeq clojure.lang.IChunkedSeq
        clojure.lang.PersistentVector$ChunkedSeq: clojure.lang.ASeq clojure.lang.IChunkedSeq clojure.lang.Counted
        clojure.lang.LongRange: clojure.lang.ASeq clojure.lang.IChunkedSeq clojure.lang.Counted clojure.lang.IReduce
        clojure.lang.StringSeq: clojure.lang.ASeq clojure.lang.Counted
        clojure.lang.LazySeq: java.lang.Object clojure.lang.ISeq clojure.lang.Sequential java.util.List clojure.lang.IObj \
        clojure.lang.IPending clojure.lang.IHashEq
        clojure.lang.PersistentList: clojure.lang.ASeq clojure.lang.IPersistentList clojure.lang.Counted clojure.lang.IReduce
        clojure.lang.PersistentList$EmptyList: java.lang.Object clojure.lang.IPersistentList clojure.lang.ISeq java.util.List \
        clojure.lang.Counted clojure.lang.IObj clojure.lang.IHashEq
        clojure.lang.PersistentQueue: java.lang.Object clojure.lang.IPersistentList java.util.Collection clojure.lang.Counted \
        clojure.lang.IObj clojure.lang.IHashEq
        clojure.lang.APersistentVector: clojure.lang.AFn clojure.lang.IPersistentVector java.util.List java.util.RandomAccess \
        java.lang.Comparable clojure.lang.IHashEq
        clojure.lang.PersistentVector: clojure.lang.APersistentVector clojure.lang.IObj clojure.lang.IEditableCollection \
        clojure.lang.IReduce clojure.lang.IKVReduce
        clojure.lang.AMapEntry: clojure.lang.APersistentVector clojure.lang.IMapEntry
        clojure.lang.MapEntry: clojure.lang.AMapEntry
        clojure.lang.APersistentMap: clojure.lang.AFn clojure.lang.IPersistentMap java.util.Map clojure.lang.IHashEq
        clojure.lang.PersistentArrayMap: clojure.lang.APersistentMap clojure.lang.IObj clojure.lang.IEditableCollection \
        clojure.lang.IKVReduce
        clojure.lang.PersistentHashMap: clojure.lang.APersistentMap clojure.lang.IObj clojure.lang.IEditableCollection \
        clojure.lang.IKVReduce
        clojure.lang.PersistentTreeMap: clojure.lang.APersistentMap clojure.lang.IObj clojure.lang.Reversible \
        clojure.lang.Sorted clojure.lang.IKVReduce
        clojure.lang.APersistentSet: clojure.lang.AFn clojure.lang.IPersistentSet java.util.Set clojure.lang.IHashEq
        clojure.lang.PersistentHashSet: clojure.lang.APersistentSet clojure.lang.IObj clojure.lang.IEditableCollection
        clojure.lang.PersistentTreeSet: clojure.lang.APersistentSet clojure.lang.IObj clojure.lang.Reversible \
        clojure.lang.Sorted
        clojure.lang.PersistentVector$TransientVector: clojure.lang.AFn clojure.lang.ITransientVector
        clojure.lang.PersistentHashMap$TransientHashMap: clojure.lang.AFn clojure.lang.ITransientMap
        clojure.lang.PersistentHashSet$TransientHashSet: clojure.lang.AFn clojure.lang.ITransientSet
        clojure.lang.AReference: java.lang.Object clojure.lang.IReference
        clojure.lang.ARef: clojure.lang.AReference clojure.lang.IRef
        clojure.lang.Atom: clojure.lang.ARef clojure.lang.IAtom2
        clojure.lang.Ref: clojure.lang.ARef clojure.lang.IFn java.lang.Comparable
        clojure.lang.Agent: clojure.lang.ARef
        clojure.lang.Var: clojure.lang.ARef clojure.lang.IFn
        clojure.lang.Namespace: clojure.lang.AReference
        clojure.lang.Volatile: java.lang.Object clojure.lang.IDeref
        clojure.lang.Reduced: java.lang.Object clojure.lang.IDeref
        clojure.lang.Delay: java.lang.Object clojure.lang.IDeref clojure.lang.IPending
        clojure.core$promise: java.lang.Object clojure.lang.IObj clojure.lang.IDeref clojure.lang.IBlockingDeref \
        clojure.lang.IPending clojure.lang.IFn
        clojure.core$future: java.lang.Object clojure.lang.IObj clojure.lang.IDeref clojure.lang.IBlockingDeref \
        clojure.lang.IPending java.util.concurrent.Future
        clojure.lang.TaggedLiteral: java.lang.Object clojure.lang.ILookup
        [Ljava.lang.Object;: java.lang.Object
        [Z: java.lang.Object
        [B: java.lang.Object
        [C: java.lang.Object
        [S: java.lang.Object
        [I: java.lang.Object
        [J: java.lang.Object
        [F: java.lang.Object
        [D: java.lang.Object
        """
    ).merging(
        ExceptionClass.allCases.map { (HostClass.fullName($0), bases(of: $0)) }, uniquingKeysWith: { first, _ in first }
    )

    private static func bases(of type: ExceptionClass) -> [String] {
        let own = type == .info ? ["clojure.lang.IExceptionInfo"] : []
        return [type.parent.map(HostClass.fullName) ?? HostClass.object] + own
    }

    /// Names that need no package, beside those of `java.lang`.
    static let imported = [
        "BigDecimal": "java.math.BigDecimal", "BigInteger": "java.math.BigInteger",
        "Callable": "java.util.concurrent.Callable",
    ]

    /// Lines of a name, a colon and what it is derived from.
    private static func rows(_ text: String) -> [String: [String]] {
        var table: [String: [String]] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ").map { String($0.last == ":" ? $0.dropLast() : $0) }
            table[parts[0]] = Array(parts.dropFirst())
        }
        return table
    }
}
