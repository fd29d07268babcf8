import Engine
import Machine
import Reader
import Sluice
import Testing
import Values

/// What `check` says of a script that requires what cannot be had: that, and what is wrong besides.
@Suite struct CheckMissingTests {
    /// Each fault as `message @ text`.
    private func faults(_ text: String) -> [String] {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = 1
        options.sourcePaths = []
        let session = Session(options)
        defer { session.shutDown() }
        return session.checkDefinitions(of: Source(name: "app.slu", bytes: Array(text.utf8))).faults.map { fault in
            let found = Report.diagnostic(fault)
            let place = found.primary.map {
                String(decoding: $0.source.bytes[Int($0.span.start)..<Int($0.span.end)], as: UTF8.self)
            }
            return "\(found.title) @ \(place ?? "nowhere")"
        }
    }

    private static let missing = "cannot find the namespace app.missing @ app.missing"

    // However the names are used that are not there.
    @Test(arguments: [
        "(defn f [] (m/read \"a\") (app.missing/read \"b\") (parse 1) #'m/x)",
        "(def k ::m/key)", "(def x (m/read 1)) (def y (inc x)) (def z [y (parse x)])", "(m/start)",
        // What may be a macro, and what it may define.
        "(m/with-file [in \"a\"] (slurp in))", "(m/defthing thing {:of other}) (defn f [] (thing 1))",
        "(parse (for-each x (print x)))", "(-> 1 (m/let-it it (inc it)))",
        "(defmacro twice [x] (m/expand x)) (defn f [] (twice 1))",
        "(require '[app.missing :as again]) (again/read 1)",
    ]) func whatComesOfItIsNotTold(_ body: String) {
        #expect(faults("(ns app (:require [app.missing :as m :refer [parse]]))\n\(body)") == [Self.missing])
    }

    @Test(arguments: ["(:require [app.missing :refer :all])", "(:use app.missing)"]) func anyNameMayBeMeant(
        _ clause: String
    ) {
        #expect(
            faults("(ns app \(clause))\n(defn f [x] (parse x) (map read-it x))\n(clojure.string/uper 1)") == [
                Self.missing, "clojure.string has no uper @ clojure.string/uper",
            ])
    }

    // One thing missing hides no other.
    @Test(arguments: [
        ("(defn f [] (m/read 1) (oops))", "cannot resolve oops @ oops"),
        ("(defn f [] (str/uper (m/read 1)))", "str has no uper @ str/uper"),
        ("(def x (m/read 1)) (def y (oops x))", "cannot resolve oops @ oops"),
        ("(do (m/start) (oops))", "cannot resolve oops @ oops"),
        ("(defn f [] (mm/read 1))", "there is no namespace or alias mm here @ mm/read"),
    ]) func whatIsWrongBesidesIsTold(_ body: String, _ told: String) {
        let head = "(ns app (:require [app.missing :as m] [clojure.string :as str]))"
        #expect(faults("\(head)\n\(body)") == [Self.missing, told])
    }

    // Every clause is looked at, and what is required after a mistake is there.
    @Test func eachCauseIsToldOnce() {
        let text = """
            (ns app
              (:require app.gone [app.missing :as m] [clojure.string :as str :refer [uper]])
              (:requir [clojure.set :as set])
              (:require [clojure.walk :as walk]))
            (defn f [x] (uper x) (str/upper-case x) (m/read x) (app.gone/read x) (walk/keywordize-keys x))
            """
        #expect(
            faults(text) == [
                "cannot find the namespace app.gone @ app.gone", Self.missing, "clojure.string has no uper @ uper",
                "ns has no clause :requir @ :requir",
            ])
    }

    // Its arguments are data by then, so the call is blamed.
    @Test func requireAtTheTopLevel() {
        let text = "(require '[app.missing :as m])\n(require 'app.gone)\n(defn f [] (m/read 1) (app.gone/x))\n(oops)"
        #expect(
            faults(text) == [
                "cannot find the namespace app.missing @ (require '[app.missing :as m])",
                "cannot find the namespace app.gone @ (require 'app.gone)", "cannot resolve oops @ oops",
            ])
    }
}
