import Engine
import Foundation
import Testing
import Values

@testable import Sluice

/// Namespaces in files, loaded while fibers run.
@Suite struct RequireTests {
    /// The first waits for a channel, so loading it needs the scheduler that the fiber which requires it occupies.
    private static let files = [
        "shop/file.slu": "(ns shop.file) (def here *file*) (defn called [] *file*) (def later @(future *file*))",
        "shop/stock.slu": """
        (ns shop.stock)
        (def loads (atom 0))
        (swap! loads inc)
        (def item (clojure.core.async/<! (clojure.core.async/go :apple)))
        """,
        "shop/till.slu": "(ns shop.till) (require '[shop.stock :as stock]) (def sold [stock/item :sold])",
        "shop/told.slu": "(ns shop.told (:require [shop.told-within])) (println \"told\" *print-length*)",
        "shop/told_within.slu": "(ns shop.told-within) (println \"within\")",
        "shop/slow.slu": """
        (ns shop.slow)
        (def loads (atom 0))
        (swap! loads inc)
        (clojure.core.async/<! (clojure.core.async/timeout 20))
        (require 'shop.slower)
        (def item :apple)
        """,
        "shop/slower.slu": "(ns shop.slower) (dotimes [_ 50] (sluice.runtime/yield)) (def item :pear)",
        "shop/first.slu":
            "(ns shop.first (:require [shop.slow])) (def item [(var-get (resolve 'shop.slow/item)) :first])",
        "shop/second.slu": "(ns shop.second) (require 'shop.slow) (def item [shop.slow/item :second])",
        "shop/forked.slu": """
        (ns shop.forked)
        (def items (mapv deref (doall (for [n '[shop.first shop.slow shop.second]]
                                        (future (require n) (deref (resolve (symbol (name n) "item"))))))))
        """,
        "shop/hen.slu": "(ns shop.hen) (require 'shop.egg)",
        "shop/egg.slu": "(ns shop.egg) (require 'shop.hen)",
        "shop/broken.slu":
            "(ns shop.broken) (swap! user/tries inc) (sluice.runtime/yield) (throw (ex-info \"broken\" {}))",
        "shop/named.slu":
            "(ns shop.named) (clojure.core.async/<! (clojure.core.async/timeout 20)) (defn late [n] (inc n))",
        "shop/stuck.slu": "(ns shop.stuck) (clojure.core.async/<! (clojure.core.async/chan))",
    ]

    /// A session that finds its files in a folder, and may write there.
    private func session(in folder: URL, _ seed: UInt64?) throws -> Session {
        var grants = Capabilities(workingDirectory: folder.path)
        try grants.allow(flag: "write=\(folder.path)")
        var options = SessionOptions(grants: grants)
        options.sourcePaths = [folder.path]
        options.seed = seed
        return Session(options)
    }

    private func evaluate(_ text: String, seed: UInt64?) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("require-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("shop"), withIntermediateDirectories: true)
        for (path, text) in Self.files {
            try text.write(to: folder.appendingPathComponent(path), atomically: true, encoding: .utf8)
        }
        let session = try session(in: folder, seed)
        defer { session.shutDown() }
        switch session.evaluate("(def folder \"\(folder.path)\") \(text)") {
        case .success(let value): return try session.printed(value).get()
        case .failure(let fault): return Expectation.text(fault)
        }
    }

    @Test(arguments: [nil, 1, 2] as [UInt64?]) func loadsWithinAFiber(_ seed: UInt64?) throws {
        #expect(try evaluate("(require 'shop.till) (deref (resolve 'shop.till/sold))", seed: seed) == "[:apple :sold]")
    }

    @Test(arguments: [nil, 1, 2] as [UInt64?]) func loadsOnce(_ seed: UInt64?) throws {
        let text = """
            (require '[clojure.core.async :refer [go <!]])
            (let [sold (fn [] (go (require 'shop.till) (deref (resolve 'shop.till/sold))))]
              [(<! (sold)) (<! (sold)) (deref (deref (resolve 'shop.stock/loads)))])
            """
        #expect(try evaluate(text, seed: seed) == "[[:apple :sold] [:apple :sold] 1]")
    }

    private static let seeds: [UInt64?] = [nil, nil, nil] + (1...12).map { $0 }

    /// Fibers that require a file while another loads it go on when it is loaded, and it is loaded once.
    @Test(arguments: seeds) func whoRequiresAFileThatIsBeingLoadedWaits(_ seed: UInt64?) throws {
        let text = """
            (defn item [space]
              (future (sluice.runtime/yield) (require space) (deref (resolve (symbol (name space) "item")))))
            [(mapv deref (doall (map item '[shop.slow shop.first shop.slow shop.slower shop.second shop.slow])))
             (deref (deref (resolve 'shop.slow/loads)))]
            """
        let found = try evaluate(text, seed: seed)
        #expect(found == "[[:apple [:apple :first] :apple :pear [:apple :second] :apple] 1]")
    }

    /// So does a thread that runs no fiber, with the `ns` of a script.
    @Test(arguments: seeds) func aScriptWaitsForItsOwnFibers(_ seed: UInt64?) throws {
        let text = """
            (def early (future (require 'shop.first)))
            (ns script (:require [shop.slow :as slow]))
            (deref user/early)
            [slow/item (deref slow/loads)]
            """
        let found = try evaluate(text, seed: seed)
        #expect(found == "[:apple 1]")
    }

    /// What a file starts while it is loaded may require others, and waits for each of them.
    @Test(arguments: seeds) func aFileMayLoadOthersInItsFibers(_ seed: UInt64?) throws {
        let text =
            "(require 'shop.forked) [(deref (resolve 'shop.forked/items)) (deref (deref (resolve 'shop.slow/loads)))]"
        let found = try evaluate(text, seed: seed)
        #expect(found == "[[[:apple :first] :apple [:apple :second]] 1]")
    }

    /// Files that require each other are told so, however many ask for them.
    @Test(arguments: seeds) func aCircleIsTold(_ seed: UInt64?) throws {
        let text = """
            (defn told [space] (future (try (require space) (catch Throwable e (ex-message e)))))
            (mapv deref (doall (map told '[shop.hen shop.hen])))
            """
        let circle = #""namespaces require each other: shop.hen → shop.egg → shop.hen""#
        let found = try evaluate(text, seed: seed)
        #expect(found == "[\(circle) \(circle)]")
    }

    /// Who waited for a load that failed tries for itself.
    @Test(arguments: seeds) func aLoadThatFailsIsTriedAgain(_ seed: UInt64?) throws {
        let text = """
            (def tries (atom 0))
            (defn told [space] (future (try (require space) (catch Throwable e (ex-message e)))))
            [(mapv deref (doall (map told '[shop.broken shop.broken shop.broken]))) @tries]
            """
        let found = try evaluate(text, seed: seed)
        #expect(found == #"[["broken" "broken" "broken"] 3]"#)
    }

    /// A file sees the dynamic bindings of whoever requires it, and so do the files that it requires.
    /// `*file*` is the file whose forms are being evaluated, for those of its fibers too, and not for who called it later.
    @Test func knowsItsFile() throws {
        let text = """
            (do (require 'shop.file '[clojure.string :as str])
                [(str/ends-with? shop.file/here "/shop/file.slu") (= shop.file/here shop.file/later) (shop.file/called)])
            """
        #expect(try evaluate(text, seed: nil) == "[true true nil]")
    }

    @Test(arguments: [nil, 1] as [UInt64?]) func seesBindings(_ seed: UInt64?) throws {
        let text = "(binding [*print-length* 7] (with-out-str (require 'shop.told)))"
        #expect(try evaluate(text, seed: seed) == #""within\ntold 7\n""#)
    }

    /// A script that is the file of its namespace is not evaluated again for the sake of a function that it has not (yet) defined,
    /// whoever asks for that; what it defined so far is there, and what another file requires of it is.
    @Test(arguments: [
        ("(try (perform (run `later 1)) (catch Exception e (ex-message e)))", "script has no function later (yet)"),
        (
            "(try (perform (run 'script/erlier 1)) (catch Exception e (ex-message e)))",
            "script has no function erlier (yet); did you mean script/earlier?"
        ),
        ("(try (process/start `later []) (catch Exception e (ex-message e)))", "script has no function later (yet)"),
        (
            "@(future (try (perform (run `later 1)) (catch Exception e (ex-message e))))",
            "script has no function later (yet)"
        ),
        ("(str (perform (run `earlier 1)))", ":earlier"),
        ("(do (require 'script) (require 'user-of-script) (str ((resolve 'user-of-script/f) 1)))", ":earlier"),
    ]) func aScriptIsEvaluatedOnce(_ form: String, _ expected: String) throws {
        for seed in [nil, 1, 2] as [UInt64?] {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("script-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let text = """
                (ns script)
                (alter-meta! *ns* update :evaluated (fnil inc 0))
                (defn earlier [x] :earlier)
                (def told \(form))
                (defn later [x] :later)
                [(:evaluated (meta *ns*)) told (str (perform (run `later 1)))]
                """
            for (name, text) in [
                ("script", text), ("user_of_script", "(ns user-of-script (:require [script])) (def f script/earlier)"),
            ] {
                let file = folder.appendingPathComponent("\(name).slu")
                try text.write(to: file, atomically: true, encoding: .utf8)
            }
            let session = try session(in: folder, seed)
            defer { session.shutDown() }
            let told = try session.printed(session.evaluate(text, name: "script.slu").get()).get()
            #expect(told == "[1 \"\(expected)\" \":later\"]", "seed \(seed ?? 0)")
        }
    }

    /// A file whose first form names itself, while others load it, is waited for: nobody is told of the wait.
    @Test(arguments: seeds) func whoNamesAFunctionOfAFileThatIsBeingLoadedWaits(_ seed: UInt64?) throws {
        let text = """
            (mapv deref (doall (repeatedly 4 (fn [] (future (sluice.runtime/yield) (perform (run 'shop.named/late 1)))))))
            """
        #expect(try evaluate(text, seed: seed) == "[2 2 2 2]")
    }

    @Test(arguments: [nil, 1] as [UInt64?]) func aFileThatWaitsForEverIsAnError(_ seed: UInt64?) throws {
        #expect(try evaluate("(require 'shop.stuck)", seed: seed).contains("waits for ever"))
    }

    // MARK: Loading again (N1: as Clojure's `require` does)

    /// A namespace that counts its loads, one that requires it and counts its own, and what a file says by then.
    private static let reloading = """
        (def log (atom []))
        (defn write [name & forms]
          (fs/write (str folder "/" name ".slu") (str "(ns " name ")\n" (clojure.string/join "\n" forms))))
        (write "inner" "(swap! user/log conj :inner)")
        (write "outer" "(require 'inner)" "(swap! user/log conj :outer)" "(defn f [] :old)" "(defn g [] :old)")
        (require 'outer)
        (reset! log [])

        """

    @Test(arguments: [
        // What is named, and not what that requires.
        ("(require 'outer :reload) @log", "[:outer]"),
        ("(require 'outer :reload-all) @log", "[:inner :outer]"),
        // Once each, however often it is required.
        ("(require 'inner 'outer :reload-all) @log", "[:inner :outer]"),
        ("(require 'outer 'inner :reload :verbose) @log", "[:outer :inner]"),
        ("(require '[outer :as o :reload true]) [@log (o/f)]", "[[:outer] :old]"),
        ("(require '[outer :reload-all true]) @log", "[:inner :outer]"),
        ("(require '[outer :reload false] :verbose) @log", "[]"),
        ("(use 'outer :reload) [@log (f)]", "[[:outer] :old]"),
        ("(ns other (:require [outer :as o] :reload)) [@user/log (o/f)]", "[[:outer] :old]"),
        ("@(future (require 'outer :reload)) @log", "[:outer]"),
        // What is built in stays.
        ("(require '[clojure.string :as s] :reload-all) (s/upper-case \"a\")", #""A""#),
        // What was compiled before calls what is defined now.
        ("(defn h [] (outer/f)) (write \"outer\" \"(defn f [] :new)\") (require 'outer :reload) (h)", ":new"),
        // A later plain `require` finds it loaded.
        ("(require 'outer :reload) (require 'outer) @log", "[:outer]"),
        // A file that fails has defined what stands before the fault, and the rest stays as it was.
        (
            "(write \"outer\" \"(defn f [] :new)\" \"(/ 1 0)\" \"(defn g [] :new)\")"
                + "[(try (require 'outer :reload) (catch ArithmeticException e (ex-message e))) (outer/f) (outer/g)]",
            #"["divide by zero" :new :old]"#
        ),
        ("(write \"outer\" \"(defn f [\") (try (require 'outer :reload) (catch Throwable e :thrown))", ":thrown"),
        // Two who reload take turns.
        (
            "(write \"outer\" \"(swap! user/log conj :begun) (sluice.runtime/yield) (swap! user/log conj :ended)\")"
                + "(run! deref (doall (repeatedly 4 (fn [] (future (require 'inner 'outer :reload)))))) @log",
            "[\(Array(repeating: ":inner :begun :ended", count: 4).joined(separator: " "))]"
        ),
    ]) func loadsAgain(_ text: String, _ expected: String) throws {
        for seed in [nil, 1, 2] as [UInt64?] {
            #expect(try evaluate(Self.reloading + text, seed: seed) == expected, "seed \(seed ?? 0)")
        }
    }

    @Test(arguments: [
        ("(require 'shop.till :relod)", "require has no flag :relod", ":reload"),
        ("(ns a (:require [shop.till] :often))", "require has no flag :often", ":reload, :reload-all and :verbose"),
        ("(require 'shop.till :as 't)", "require has no flag :as", "[clojure.string :as …]"),
        // Clojure looks for a file, and so does this.
        ("(ns here) (require 'here :reload)", "cannot find the namespace here", "a/b.slu"),
    ]) func saysWhatCannotBeLoadedAgain(_ text: String, _ title: String, _ hint: String) throws {
        let found = try evaluate(text, seed: nil)
        #expect(found.contains(title) && found.contains(hint), "\(found)")
    }

    /// In a system that runs, what a file that is loaded again declares replaces what stands there (G3).
    @Test(arguments: [nil, 1, 2] as [UInt64?]) func changesWhatRuns(_ seed: UInt64?) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("reload-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("parts.slu")
        func parts(_ version: String) -> String {
            "(ns parts) (defworker :handler {:in :in} [_ n] (swap! user/handled conj [\(version) n]) nil)"
        }
        try parts(":old").write(to: file, atomically: true, encoding: .utf8)
        let session = try session(in: folder, seed)
        defer { session.shutDown() }
        let script = """
            (def handled (atom []))
            (defchannel :in)
            (require 'parts)
            (defn until [n] (while (< (count @handled) n) (time/sleep 1)))
            (defworker :sender {:kind :ticker} [{:keys [channels]} _]
              (clojure.core.async/>! (:in channels) 1)
              (until 1)
              (fs/write "\(file.path)" "\(parts(":new"))")
              (require 'parts :reload)
              (clojure.core.async/>! (:in channels) 2)
              (until 2))
            """
        _ = try session.evaluate(script).get()
        try Run(session, once: true).run()
        #expect(try session.printed(session.evaluate("@handled").get()).get() == "[[:old 1] [:new 2]]")
    }
}
