import Sluice
import Testing

/// Sets, walks, EDN, JSON, shapes and effect meta, from their documentation.
@Suite struct DataLibraryTests {
    static let tables = [
        LibraryCases(
            name: "clojure.set", prelude: "(require '[clojure.set :as set])",
            text: """
                (set/union #{1} #{2} #{3 1}) ;=> #{1 2 3}
                (set/union #{1} nil) ;=> #{1}
                (set/intersection #{1 2 3} #{2 3} #{3 4}) ;=> #{3}
                (set/difference #{1 2 3 4} #{1} #{2 9}) ;=> #{3 4}
                (set/select even? #{1 2 3 4}) ;=> #{2 4}
                (set/project #{{:a 1 :b 2} {:a 1 :b 3}} [:a]) ;=> #{{:a 1}}
                (set/rename #{{:a 1 :b 2}} {:a :x}) ;=> #{{:x 1 :b 2}}
                (set/rename-keys {:a 1 :b 2} {:a :b :b :a}) ;=> {:b 1 :a 2}
                (set/rename-keys {:a 1} {:z :y}) ;=> {:a 1}
                (set/index #{{:a 1 :b 1} {:a 1 :b 2} {:a 2 :b 1}} [:a]) ;=> {{:a 1} #{{:a 1 :b 1} {:a 1 :b 2}} {:a 2} #{{:a 2 :b 1}}}
                (set/map-invert {:a 1 :b 2}) ;=> {1 :a 2 :b}
                (set/join #{{:id 1 :n "a"} {:id 2 :n "b"}} #{{:id 1 :v 10} {:id 1 :v 11} {:id 3 :v 12}}) ;=> #{{:id 1 :n "a" :v 10} {:id 1 :n "a" :v 11}}
                (set/join #{{:a 1} {:a 2}} #{{:b 3}}) ;=> #{{:a 1 :b 3} {:a 2 :b 3}}
                (set/join #{{:a 1} {:a 2}} #{{:b 1 :c 3}} {:a :b}) ;=> #{{:a 1 :b 1 :c 3}}
                (set/join #{} #{{:b 1}}) ;=> #{}
                [(set/subset? #{} #{1}) (set/subset? #{1 2} #{1 2}) (set/subset? #{1 3} #{1 2})] ;=> [true true false]
                [(set/superset? #{1 2} #{2}) (set/superset? #{1} #{1 2})] ;=> [true false]
                """),
        LibraryCases(
            name: "clojure.walk", prelude: "(require '[clojure.walk :as walk]) (defmacro twice [x] (list '+ x x))",
            text: """
                (walk/walk first reverse [[1 2] [3 4] [5 6]]) ;=> (5 3 1)
                (walk/postwalk (fn [x] (if (number? x) (inc x) x)) '(1 [2 #{3}] {:a 4})) ;=> (2 [3 #{4}] {:a 5})
                (walk/postwalk (fn [x] (if (map? x) (count x) x)) [{:a {:b 1}}]) ;=> [1]
                (walk/prewalk (fn [x] (if (= x :x) [:y] x)) [:x [:x]]) ;=> [[:y] [[:y]]]
                (list? (walk/postwalk identity '(1 2))) ;=> true
                (meta (walk/postwalk identity (with-meta [1] {:k 1}))) ;=> {:k 1}
                (sorted? (walk/postwalk identity (sorted-map 1 2))) ;=> true
                (walk/keywordize-keys {"a" {"b" [{"c" 1}]} 2 3}) ;=> {:a {:b [{:c 1}]} 2 3}
                (walk/stringify-keys {:a {:b 1} "c" 2}) ;=> {"a" {"b" 1} "c" 2}
                (walk/prewalk-replace {:a :b :b :c} [:a :b]) ;=> [:b :c]
                (walk/postwalk-replace {[:b] :c :a :b} [[:a]]) ;=> [:c]
                (walk/macroexpand-all '(f (twice (twice 1)))) ;=> (f (+ (+ 1 1) (+ 1 1)))
                """),
        LibraryCases(
            name: "clojure.edn", prelude: "(require '[clojure.edn :as edn])",
            text: """
                (edn/read-string "{:a 1, :b [x \\"s\\" \\\\c nil true 1.5 2N]}") ;=> {:a 1 :b [x "s" \\c nil true 1.5 2N]}
                (edn/read-string "1 2") ;=> 1
                (edn/read-string nil) ;=> nil
                (edn/read-string "") ;=> nil
                (edn/read-string "; only a remark") ;=> nil
                (edn/read-string {:eof :end} " ") ;=> :end
                (edn/read-string {} "") ;=!> EOF
                (edn/read-string "(") ;=!> unclosed
                (edn/read-string "#inst \\"2024-01-02T00:00:00Z\\"") ;=> #inst "2024-01-02T00:00:00.000-00:00"
                (edn/read-string "#foo 1") ;=!> foo
                (edn/read-string {:readers {'foo inc}} "#foo 1") ;=> 2
                (edn/read-string {:readers {'foo inc}} "{:a #{#foo 1} #foo 2 (#foo #foo 3)}") ;=> {:a #{2} 3 (5)}
                (edn/read-string {:readers {'foo inc}} "#bar 1") ;=!> bar
                (edn/read-string {:readers {'inst (fn [text] [:moment text])}} "#inst \\"2024\\"") ;=> [:moment "2024"]
                (edn/read-string {:readers {'a/b vec} :default (fn [tag value] [tag value])} "[#a/b (1) #x/y 2]") ;=> [[1] [x/y 2]]
                (let [text (atom "1 [2 3] :k")] [(edn/read text) (edn/read text) (edn/read text) (edn/read {:eof :end} text)]) ;=> [1 [2 3] :k :end]
                (edn/read-string 5) ;=!> string
                """),
        LibraryCases(
            name: "clojure.data.json", prelude: "(require '[clojure.data.json :as json])",
            text: """
                (json/read-str "{\\"a\\": [1, 2.5, -3e2, true, null, \\"x\\\\u00e9\\"]}") ;=> {"a" [1 2.5 -300.0 true nil "xé"]}
                (json/read-str "{\\"a\\": {\\"b\\": 1}}" :key-fn keyword) ;=> {:a {:b 1}}
                (json/read-str "{\\"a\\": {\\"b\\": 1}}" :key-fn (fn [k] (str k "!"))) ;=> {"a!" {"b!" 1}}
                (json/read-str "{\\"n\\": 1, \\"m\\": 2}" :key-fn keyword :value-fn (fn [k v] (if (= k :n) (inc v) v))) ;=> {:n 2 :m 2}
                (json/read-str "{\\"n\\": 1, \\"m\\": 2}" :value-fn (fn drop-n [k v] (if (= k "n") drop-n v))) ;=> {"m" 2}
                (json/read-str "[1,]") ;=!> expected a value, found `]`
                (json/read-str "") ;=!> value
                (json/read-str "" :eof-error? false) ;=> nil
                (json/read-str "" :eof-error? false :eof-value :none) ;=> :none
                (json/write-str {:a 1 "b" [nil true 1.5] :c/d :e}) ;=> "{\\"a\\":1,\\"b\\":[null,true,1.5],\\"d\\":\\"e\\"}"
                (json/write-str (map inc [1 2])) ;=> "[2,3]"
                (json/write-str "a/bé") ;=> "\\"a\\\\/b\\\\u00e9\\""
                (json/write-str "a/bé" :escape-slash false :escape-unicode false) ;=> "\\"a/bé\\""
                (json/write-str {:a 1} :key-fn (fn [k] (str k))) ;=> "{\\":a\\":1}"
                (json/write-str {:a 1 :b 2} :value-fn (fn f [k v] (if (= k :b) f (inc v)))) ;=> "{\\"a\\":2}"
                (json/write-str {:a {:b 1}} :key-fn (fn [k] (clojure.string/upper-case (name k)))) ;=> "{\\"A\\":{\\"B\\":1}}"
                (json/write-str {:a [1]} :indent true) ;=> "{\\n  \\"a\\": [\\n    1\\n  ]\\n}"
                (with-out-str (json/pprint {:a 1})) ;=> "{\\n  \\"a\\": 1\\n}\\n"
                (json/write-str ##NaN) ;=!> cannot write the number
                (json/write-str {:f inc}) ;=!> function
                (json/read-str (json/write-str {"k" [1 {"d" "e\\n"}]})) ;=> {"k" [1 {"d" "e\\n"}]}
                """),
        LibraryCases(
            name: "sluice.shape",
            prelude: """
                (require '[sluice.shape :as shape])
                (def Summary (shape/map {:title :string, :tags [:vector :string], :score [:int {:min 0 :max 10}], :note [:optional :string]}))
                """,
            text: """
                (shape/check Summary {:title "t" :tags ["a"] :score 3}) ;=> nil
                (map :path (shape/check Summary {:title 1 :tags ["a" 2] :score 11 :note 5})) ;=> ([:title] [:tags 1] [:score] [:note])
                (first (shape/check {:n [:int {:max 9}]} {:n 10})) ;=> {:path [:n] :expected [:int {:max 9}] :found 10 :message "at [:n]: expected an integer of at most 9, found 10"}
                (map :path (shape/check Summary {})) ;=> ([:title] [:tags] [:score])
                (shape/valid? Summary (assoc {:title "t" :tags [] :score 0} :more 1)) ;=> true
                (shape/explain (shape/map {:a :int} {:closed true}) {:a 1 :b 2}) ;=> ["at [:b]: unknown key: the keys are :a"]
                (shape/explain Summary "text") ;=> ["expected a map with the keys :title :tags :score :note, found \\"text\\""]
                (map (fn [x] (shape/valid? :number x)) [1 1.5 1/2 "1" nil]) ;=> (true true true false false)
                (map (fn [x] (shape/valid? :bool x)) [true false nil]) ;=> (true true false)
                (map (fn [x] (shape/valid? [:string {:min 2 :max 3 :pattern "^a"}] x)) ["a" "ab" "abcd" "ba"]) ;=> (false true false false)
                (map (fn [x] (shape/valid? [:vector :int {:min 1 :max 2}] x)) [[] [1] [1 2] [1 2 3] '(1) #{1}]) ;=> (false true true false true false)
                (map (fn [x] (shape/valid? [:set :int] x)) [#{1} #{:a} [1]]) ;=> (true false false)
                (map (fn [x] (shape/valid? [:or :int [:enum "a"]] x)) [1 "a" "b"]) ;=> (true true false)
                (shape/check [:map-of :keyword :int] {:a 1 "b" 2}) ;=> [{:path ["b"] :expected :keyword :found "b" :message "key at [\\"b\\"]: expected a keyword, found \\"b\\""}]
                (shape/valid? [:maybe {:a :int}] nil) ;=> true
                (shape/valid? :any inc) ;=> true
                (shape/map {:a :strin}) ;=!> there is no shape :strin
                (shape/map {:a [:vector]}) ;=!> lacks the shape
                (shape/conform Summary {"title" "t" "tags" ["a"] "score" 3.0 "more" 1}) ;=> {"more" 1 :title "t" :tags ["a"] :score 3}
                (shape/conform {:due-date :string} {"due_date" "x"}) ;=> {:due-date "x"}
                (shape/conform {:level [:enum :low :high]} {"level" "low"}) ;=> {:level :low}
                (shape/conform [:map-of :keyword [:set :int]] {"a" [1 2.0]}) ;=> {:a #{1 2}}
                (shape/conform :int 2.5) ;=> 2.5
                (shape/conform [:maybe :int] nil) ;=> nil
                (shape/conform [:or {:a :int} {:b :int}] {"b" 1}) ;=> {:b 1}
                (:required (shape/json-schema Summary)) ;=> ["title" "tags" "score"]
                (get-in (shape/json-schema Summary) [:properties "score"]) ;=> {:type "integer" :minimum 0 :maximum 10}
                (shape/json-schema [:vector {:a [:maybe :bool]} {:min 1}]) ;=> {:type "array" :items {:type "object" :properties {"a" {:anyOf [{:type "boolean"} {:type "null"}]}} :required ["a"] :additionalProperties false} :minItems 1}
                (shape/json-schema [:enum :low "high"]) ;=> {:enum ["low" "high"] :type "string"}
                (shape/json-schema [:string {:doc "a name" :max 9}]) ;=> {:type "string" :maxLength 9 :description "a name"}
                (shape/json-schema [:map-of :keyword :number]) ;=> {:type "object" :additionalProperties {:type "number"}}
                """),
        LibraryCases(
            name: "sluice.meta and sluice.batch (J28–J32)",
            prelude: "(require '[sluice.meta :as meta] '[sluice.batch :as batch])",
            text: """
                (meta/sequential :g) ;=> {:group :g :mode :sequential :order 0 :priority 0}
                (meta/sequential :g {:order 3 :priority 9 :tags [:x]}) ;=> {:group :g :mode :sequential :order 3 :priority 9 :tags [:x]}
                (meta/parallel :g {:priority 5}) ;=> {:group :g :mode :parallel :priority 5}
                (meta/after-group :b :a) ;=> {:group :b :depends-on [:a] :on-dep-failure :error}
                (meta/after-group :c [:a :b] {:on-failure :continue}) ;=> {:group :c :depends-on [:a :b] :on-dep-failure :continue}
                (meta/after-group :c [[:user 1]]) ;=> {:group :c :depends-on [[:user 1]] :on-dep-failure :error}
                (meta/after-group [:phase 2] [:phase 1]) ;=> {:group [:phase 2] :depends-on [[:phase 1]] :on-dep-failure :error}
                (map :meta (batch/phases [[{:effect/type :a} {:effect/type :b}] [{:effect/type :c}]])) ;=> ({:group [:phase 1] :depends-on []} {:group [:phase 1] :depends-on []} {:group [:phase 2] :depends-on [[:phase 1]]})
                (map :effect/type (batch/phases [[{:effect/type :a}] [] [{:effect/type :c}]])) ;=> (:a :c)
                (:meta (second (batch/phases [[{:effect/type :a}] [] [{:effect/type :c}]]))) ;=> {:group [:phase 3] :depends-on [[:phase 1]]}
                (perform-all (batch/phases [[] [(run inc 1)] [] [(run inc 2)]])) ;=> [2 3]
                (:meta (first (batch/phases [[{:effect/type :a :meta {:priority 7 :group :old}}]]))) ;=> {:priority 7 :group [:phase 1] :depends-on []}
                (:meta (second (batch/phases [[{}] [{:meta {:depends-on [:before]}}]]))) ;=> {:group [:phase 2] :depends-on [[:phase 1] :before]}
                (:meta (first (batch/phases [[{:meta :model-call}]]))) ;=> [:model-call {:group [:phase 1] :depends-on []}]
                (do (defmeta :late {:depends-on [:before]}) (map :meta (batch/phases [[{:meta :late}] [{:meta [:late {:priority 1}]}]]))) ;=> ([:late {:group [:phase 1] :depends-on [:before]}] [:late {:priority 1} {:group [:phase 2] :depends-on [[:phase 1] :before]}])
                (:meta (first (batch/phases [[{:meta {:depends-on :one}}]]))) ;=> {:depends-on [:one] :group [:phase 1]}
                (map :meta (batch/phases [(batch/parallel [{:effect/type :a}])])) ;=> ({:mode :parallel :group [:phase 1] :depends-on []})
                (batch/parallel [{:effect/type :a :meta {:mode :sequential :priority 1}}]) ;=> [{:effect/type :a :meta {:mode :parallel :priority 1}}]
                """),
    ]

    @Test("data", arguments: tables) func data(table: LibraryCases) { table.check() }
}
