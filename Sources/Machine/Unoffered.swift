/// What Clojure has and Sluice has not, with the reason or what to use instead: the one table of it. The messages about
/// unknown names read it, and so does the reference.
package enum Unoffered {
    /// Why a name of `clojure.core` is not there; nil for all others.
    package static func reason(forCore name: String) -> String? { core[name] }

    /// Why a namespace of Clojure's library is not there; nil for all others.
    package static func reason(forNamespace name: String) -> String? { namespaces[name] }

    /// Why a class of Java's is not there, by its name with or without its package; nil for all others.
    package static func reason(forClass name: String) -> String? {
        name.split(separator: ".").last.flatMap { classes[String($0)] }
    }

    /// What a word of other languages is called here; nil for all others.
    package static func instead(ofWord name: String) -> String? { words[name] }

    /// By name of `clojure.core`, as of Clojure 1.11.
    package static let core = table(coreRows)
    package static let namespaces = table(namespaceRows)
    package static let classes = table(classRows)
    package static let words = table(wordRows)

    private static func table(_ rows: [(names: String, reason: String)]) -> [String: String] {
        var table: [String: String] = [:]
        for (names, reason) in rows {
            for name in names.split(separator: " ") { table[String(name)] = reason }
        }
        return table
    }

    /// By word of other languages.
    private static let wordRows: [(names: String, reason: String)] = [
        ("null None undefined NULL nullptr", "nothing is written nil"),
        ("True TRUE yes", "what holds is written true"),
        ("False FALSE no", "what does not hold is written false"),
        ("return", "a function gives the value of its last form; there is no early return"),
        ("break", "a loop ends where it does not recur; a reduction ends with (reduced x)"),
        ("continue", "(recur …) goes on with the next round"),
        ("else otherwise", "the last test of cond is :else; if takes its else without a word"),
        ("elif elsif elseif", "cond takes pairs of test and value, with :else for the last test"),
        ("then", "if takes a test, a then and an else, without words between them"),
        ("lambda function func fun λ", "a function is (fn [x] …), or #(… % …)"),
        (
            "defun define defunc defvar defparameter",
            "a function is defined with (defn name [x] …), a value with (def name …)"
        ),
        ("setq setf var= let!", "a local is bound with (let [x 1] …); what changes is kept in an atom"),
        ("const", "a value is named with (def name …) or (let [name …] …)"),
        ("progn begin", "several forms, one after the other, are (do … …)"),
        ("foreach", "use (doseq [x xs] …) for effects, map or for for values"),
        ("until", "use (while (not test) …), or loop and recur"),
        ("switch match", "use case for constants, cond for tests"),
        ("raise", "use (throw (ex-info \"message\" {}))"),
        ("except rescue", "use (try … (catch Exception e …))"),
        ("car", "use first"), ("cdr", "use rest"), ("cadr", "use second"), ("null?", "use nil? or empty?"),
        ("length len size", "use count"), ("append", "use conj for one element, concat or into for several"),
        ("push", "use conj"), ("remove-if", "use remove"), ("mapcar", "use map"), ("funcall", "call it: (f x)"),
        ("strlen", "use count"), ("substring", "use subs"), ("toString to-string", "use str"),
        ("typeof", "use type or class"), ("console.log console/log print! puts echo log", "use println"),
        ("js/console.log js/console", "use println"),
        ("async await", "use go and <! of clojure.core.async, or future and deref"),
        ("&&", "use and"), ("||", "use or"), ("!", "use not"), ("!=", "use not="), ("===", "use ="),
        ("% mod%", "use mod or rem"),
        ("++", "use inc"), ("--", "use dec"), ("**", "use clojure.math/pow"),
    ]

    private static let coreRows: [(names: String, reason: String)] = [
        (
            "proxy proxy-super proxy-mappings proxy-name proxy-call-with-super construct-proxy init-proxy update-proxy "
                + "get-proxy-class",
            "there are no Java classes to extend; reify implements protocols"
        ),
        (
            "gen-class gen-interface definterface",
            "no Java classes are made; defprotocol, defrecord and deftype define types"
        ),
        ("bean", "there are no Java objects; data is in maps already"),
        ("definline", "use defn, or defmacro for code that is put in place"),
        (
            "enumeration-seq iterator-seq resultset-seq",
            "there are no Java collections; seq takes every collection that there is"
        ),
        ("file-seq", "use fs/glob, for instance (fs/glob \"notes/**/*.md\")"),
        ("line-seq", "use clojure.string/split-lines on what slurp or fs/read gives"),
        ("read-line", "standard input is not read by scripts; *command-line-args* has the arguments"),
        ("read read+string with-in-str", "use read-string or clojure.edn/read-string on a string"),
        ("load load-file load-reader loaded-libs", "use require for a namespace, load-string for text"),
        (
            "compile add-classpath with-loading-context method-sig primitives-classnames ns-imports "
                + "*allow-unresolved-vars* *compile-files* *compile-path* *compiler-options* *fn-loader* *reader-resolver* "
                + "*source-path* *suppress-read* *use-context-classloader* *verbose-defrecords*",
            "it belongs to Java's compiler and class loader"
        ),
        ("create-struct defstruct struct struct-map accessor", "use maps, or defrecord"),
        (
            "print-method print-dup print-ctor print-simple *print-dup* PrintWriter-on",
            "how values print is fixed; clojure.pprint's simple-dispatch takes methods"
        ),
        ("*print-namespace-maps*", "the keys of maps are always printed whole"),
        (
            "*data-readers* *default-data-reader-fn* default-data-readers",
            "clojure.edn/read-string takes :readers and :default"
        ),
        ("*read-eval*", "`#=` is never read"),
        ("reader-conditional reader-conditional?", "conditionals are decided when they are read"),
        (
            "agent-errors clear-agent-errors await1 send-via set-agent-send-executor! set-agent-send-off-executor!",
            "use agent-error and restart-agent; agents run on fibers, not on executors"
        ),
        ("ref-history-count ref-max-history ref-min-history", "refs keep no history"),
        (
            "hash-combine hash-ordered-coll hash-unordered-coll mix-collection-hash",
            "use hash, which takes collections"
        ),
        ("destructure seq-to-map-for-destructuring", "let, loop and fn take patterns apart themselves"),
        ("unquote unquote-splicing", "it means something inside a syntax-quote alone"),
        ("extenders", "a protocol does not list its types; extends? and satisfies? ask about one"),
        (
            "->ArrayChunk ->Eduction ->Vec ->VecNode ->VecSeq -cache-protocol-fn -reset-methods EMPTY-NODE "
                + "find-protocol-impl find-protocol-method",
            "it is part of how Clojure is made"
        ),
        ("Inst inst-ms*", "use inst-ms"),
        ("replicate", "use (repeat n x)"),
        ("seque", "use a channel with a buffer"),
        ("uri?", "addresses are strings"),
        ("with-local-vars", "use an atom, or volatile!"),
        ("StackTraceElement->vec", "use clojure.repl/pst, which prints the calls that led to an exception"),
    ]

    private static let namespaceRows: [(names: String, reason: String)] = [
        ("clojure.java.io", "files are read and written with slurp, spit and fs/read, fs/write, fs/glob"),
        ("clojure.java.shell clojure.java.process", "programs are run with proc/run"),
        ("clojure.java.browse clojure.java.javadoc clojure.inspector", "it belongs to Java"),
        ("clojure.spec.alpha clojure.spec.gen.alpha clojure.core.specs.alpha", "data is described with sluice.shape"),
        ("clojure.core.reducers", "use transducers: (into [] (map f) coll)"),
        ("clojure.core.protocols clojure.datafy clojure.reflect", "values are plain data already"),
        ("clojure.core.server clojure.main", "`sluice repl` and `sluice run` are what it does"),
        ("clojure.instant clojure.uuid", "#inst and #uuid are read without it"),
        ("clojure.stacktrace", "use clojure.repl/pst"),
        ("clojure.xml", "XML is not read"),
        ("clojure.zip", "use clojure.walk, or update-in with a path"),
        ("clojure.test.junit clojure.test.tap", "`sluice test --json` tells results to programs"),
        ("clojure.tools.cli", "take *command-line-args* apart yourself"),
    ]

    private static let classRows: [(names: String, reason: String)] = [
        ("File FileReader FileWriter BufferedReader Files Path Paths", "use slurp, spit and the functions of fs"),
        (
            "Date Instant LocalDate LocalDateTime ZonedDateTime Calendar",
            "#inst \"2024-01-31\" is a time; inst-ms counts it"
        ),
        ("ArrayList LinkedList HashMap TreeMap HashSet", "use vectors, maps and sets; transient for speed"),
        ("StringBuilder StringBuffer StringWriter", "use str, clojure.string/join or with-out-str"),
        ("ConcurrentHashMap AtomicLong AtomicInteger AtomicReference", "use an atom"),
        ("CountDownLatch Semaphore Executors ExecutorService", "use channels and go, or future"),
        ("ProcessBuilder Runtime", "use proc/run"),
        ("URL URI HttpURLConnection HttpClient", "use http/request with a string"),
        ("Random SecureRandom", "use rand, rand-int or random-uuid"),
        ("UUID", "use random-uuid and parse-uuid"),
        ("Pattern Matcher", "write #\"…\", and use re-find, re-matches and re-seq"),
    ]
}
