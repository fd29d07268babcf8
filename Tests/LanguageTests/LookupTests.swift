import Engine
import Machine
import Sluice
import Stdlib
import Testing
import Values

/// What can be looked up: documentation, source text, names (N4).
@Suite struct LookupTests {
    private static let documented = ["clojure.core", "clojure.string", "clojure.math"]

    private static func strings(_ session: Session, _ text: String) throws -> [String] {
        try Sequences.array(try session.evaluate("(vec \(text))").get()).compactMap(\.stringValue)
    }

    private static func output(_ session: Session, _ text: String) throws -> String {
        let value = session.evaluate("(with-out-str \(text))")
        if case .failure(let fault) = value { Issue.record("\(text): \(Expectation.text(fault))") }
        return try value.get().stringValue ?? ""
    }

    private static func session() -> Session {
        let session = Expectation.session()
        _ = session.evaluate("(require '[clojure.repl :refer :all])")
        return session
    }

    /// Whatever is public has documentation, be it written in Swift, a macro of the compiler's or a special form.
    @Test("everything is documented", arguments: documented) func everythingIsDocumented(_ space: String) throws {
        let session = Self.session()
        defer { session.shutDown() }
        let missing = try Self.strings(
            session,
            """
            (for [name (keys (ns-publics '\(space))) :when (nil? (:doc (documentation (symbol "\(space)" (str name)))))]
              (str name))
            """)
        #expect(missing == [], "documentation belongs into \(space).docs, or into the definition's docstring")
    }

    /// What is documented apart from its definition is there, and its examples hold.
    @Test("documentation in Swift's stead", arguments: documented) func documentationIsOfSomething(_ space: String)
        throws
    {
        let session = Self.session()
        defer { session.shutDown() }
        let names = Stdlib.names(in: "\(space).docs")
        #expect(names.count > 10)
        for name in names {
            let known = session.evaluate("(or (special-symbol? '\(name)) (some? (find-var '\(space)/\(name))))")
            // `catch`, `finally` and `&` mean something within other forms alone.
            if case .success(.bool(true)) = known {
            } else {
                Issue.record("\(space)/\(name) is documented and not there")
            }
            let text = try session.evaluate("(:doc (meta (var \(space).docs/\(name))))").get().stringValue ?? ""
            for expectation in Expectation.all(in: text, place: "\(space)/\(name)") {
                if let problem = expectation.problem(in: session) { Issue.record("\(problem)") }
            }
        }
    }

    @Test func documentationOfEveryKind() throws {
        let session = Self.session()
        defer { session.shutDown() }
        let line = "-------------------------\n"
        #expect(
            try Self.output(session, "(doc inc)") == line + "clojure.core/inc\n([x])\n  One more. (inc 1) is 2.\n")
        #expect(
            try Self.output(session, "(doc when)").hasPrefix(line + "clojure.core/when\n([test & body])\nMacro\n  "))
        #expect(try Self.output(session, "(doc if)").hasPrefix(line + "if\n  (if test then else?)\nSpecial Form\n  "))
        #expect(
            try Self.output(session, "(doc clojure.data)")
                == line + "clojure.data\n  What two values have in common, and what not.\n")
        #expect(
            try Self.output(session, "(doc fs/delete)").hasPrefix(
                line + "sluice.fs/delete\n([path] [path options])\n  "))
        #expect(
            try Self.output(session, "(doc *out*)") == line
                + "clojure.core/*out*\n  The writer that print and its kin write to.\n")
        #expect(try Self.output(session, "(doc mpa)").hasPrefix("no documentation for mpa\n  did you mean `map`"))
        _ = session.evaluate("(defn twice \"Doubles.\" [x] (* 2 x)) (ns own \"Mine.\") (in-ns 'user)")
        #expect(try Self.output(session, "(doc twice)") == line + "user/twice\n([x])\n  Doubles.\n")
        #expect(try Self.output(session, "(doc own)") == line + "own\n  Mine.\n")
    }

    @Test func sourceOfLibraryAndScript() throws {
        let session = Self.session()
        defer { session.shutDown() }
        // Of the library: the definition as it stands in its file.
        let entry = try #require(Stdlib.find(namespace: "clojure.walk", name: "walk"))
        #expect(
            try Self.output(session, "(source clojure.walk/walk)") == String(decoding: entry.source, as: UTF8.self)
                + "\n")
        // Of a script: the top-level form, comments and all, whatever it defines.
        let text = """
            (ns shop) ; first
            (defn add ; adds
              [a b]
              (+ a b)) (def price 5)
            (doseq [_ [1]] (def made 1))
            """
        _ = session.evaluate(text, name: "shop.slu")
        _ = session.evaluate("(in-ns 'user)")
        #expect(try Self.output(session, "(source shop/add)") == "(defn add ; adds\n  [a b]\n  (+ a b))\n")
        #expect(try Self.output(session, "(source shop/price)") == "(def price 5)\n")
        #expect(try Self.output(session, "(source shop/made)") == "(doseq [_ [1]] (def made 1))\n")
        for name in ["conj", "if", "no-such-name"] {
            #expect(try Self.output(session, "(source \(name))") == "Source not found\n")
        }
    }

    @Test func namesOfNamespaces() throws {
        let session = Self.session()
        defer { session.shutDown() }
        _ = session.evaluate("(require '[clojure.template :as tmpl])")
        #expect(try Self.output(session, "(dir tmpl)") == "apply-template\ndo-template\n")
        guard case .failure(let fault) = session.evaluate("(dir no.such)") else {
            Issue.record("a namespace that is not there has names")
            return
        }
        #expect(Expectation.text(fault).contains("No namespace: no.such found"))
        // Namespaces that nobody has named yet are searched, too.
        #expect(try Self.strings(session, "(map str (apropos \"stringify-k\"))") == ["clojure.walk/stringify-keys"])
        let found =
            try Self.output(session, "(find-doc \"relation of maps\")")
            + Self.output(session, "(find-doc #\"^A relation with only\")")
        #expect(found.contains("clojure.set/project\n"))
    }

    @Test func disassembly() throws {
        let session = Self.session()
        defer { session.shutDown() }
        _ = session.evaluate("(defn count-down [n] (if (zero? n) :done (recur (dec n))))")
        for text in ["(disassemble count-down)", "(disassemble #'count-down)"] {
            let found = try Self.output(session, text)
            #expect(found.hasPrefix("count-down (1), "))
            #expect(found.contains("ret r"))
            #expect(found.contains("jumpBack"))
        }
        for (text, message) in [("(disassemble conj)", "conj is written in Swift"), ("(disassemble 1)", "a function")] {
            guard case .failure(let fault) = session.evaluate(text) else {
                Issue.record("\(text) shows something")
                continue
            }
            #expect(Expectation.text(fault).contains(message))
        }
    }
}

/// Names that Clojure has and Sluice has not (N1).
@Suite struct UnofferedTests {
    /// Every public name of Clojure 1.11's core is there, or the table says why it is not.
    @Test func everyNameOfTheCoreIsAccountedFor() throws {
        let session = Expectation.session()
        defer { session.shutDown() }
        let names = try CaseTests.file("clojure-core-1.11.txt").split(separator: "\n").map(String.init)
        #expect(names.count > 650)
        for name in names {
            let isThere = session.evaluate("(boolean (or (resolve '\(name)) (special-symbol? '\(name))))")
            guard case .success(.bool(let isThere)) = isThere else {
                Issue.record("\(name) cannot be looked up")
                continue
            }
            let isListed = Unoffered.reason(forCore: name) != nil
            #expect(isThere != isListed, "\(name) is \(isThere ? "there and listed" : "neither there nor listed")")
        }
        for name in Unoffered.core.keys.sorted() {
            #expect(names.contains(name), "\(name) is no name of Clojure's core")
        }
    }

    @Test func whatIsListedElsewhereIsNotThere() throws {
        let session = Expectation.session()
        defer { session.shutDown() }
        for name in Unoffered.namespaces.keys.sorted() {
            if case .success = session.evaluate("(require '\(name))") { Issue.record("\(name) is there") }
        }
        for name in Unoffered.classes.keys.sorted() {
            guard case .failure(let fault) = session.evaluate("(new \(name))") else { continue }
            if Expectation.text(fault).contains("there is no class") { continue }
            Issue.record("\(name): \(Expectation.text(fault))")
        }
    }

    @Test(arguments: [
        ("(proxy [] [])", "cannot resolve proxy (Clojure's proxy is not offered here: there are no Java classes"),
        (
            "(clojure.core/bean 1)",
            "clojure.core has no bean (Clojure's bean is not offered here: there are no Java objects"
        ),
        ("(require 'clojure.java.io)", "cannot find the namespace clojure.java.io (it is not offered here: files are"),
        ("(io/file \"a\")", "there is no namespace or alias io here (clojure.java.io is not offered here: files are"),
        ("(java.io.File. \"a\")", "there is no class java.io.File (use slurp"),
        (
            "(join [1])",
            "cannot resolve join (clojure.string and clojure.set have it: (require '[clojure.string :refer [join]]))"
        ),
        ("(doc map)", "cannot resolve doc (clojure.repl has it: (require '[clojure.repl :refer [doc]]))"),
        ("(str/join [1])", "no namespace or alias str here ((require '[clojure.string :as str]) gives"),
        // What only looks like a name of another namespace is as it was.
        ("(prinltn 1)", "cannot resolve prinltn (did you mean `println`"),
        ("(clojure.string/jion [1])", "clojure.string has no jion (did you mean `clojure.string/join`"),
    ])
    func messages(_ text: String, _ message: String) {
        let session = Expectation.session()
        defer { session.shutDown() }
        guard case .failure(let fault) = session.evaluate(text) else {
            Issue.record("\(text) means something")
            return
        }
        #expect(Expectation.text(fault).contains(message))
    }
}
