# ruff: noqa: E501 - a line of a table is one record; broken up it cannot be read down a column
"""Write the sample: statements of a fictional household and a fictional small firm, with the truth about their tags.

Run ``python data/sample/generate.py`` to rewrite the files beside this script, or name another folder as the
only argument. The standard library is enough, and the same bytes come out each time: amounts are whole cents and
chance comes from one seeded generator per account, through additions and products only, so that no platform's
logarithm can shift a figure.

The tables below are the whole content. A line of a table reads

    descriptor ; tags ; amount ; timing ; options

- descriptor: ``<store4>`` (four digits) and ``<city>`` stay with a shop or payee once drawn; ``<ref8>`` (letters and
  digits), ``<num6>``, ``<date>``, ``<mon>``, ``<person>`` and ``<check>`` are drawn afresh for each row.
- tags: joined by ``+``; alternatives that the descriptor does not tell apart are ``tags*weight / tags*weight``.
- amount: ``4.50`` or ``8-95``, money out; a leading ``+`` turns it into money in.
- timing: ``2.5`` times a month; ``@25`` on the 25th of each month; ``@25/3+1`` every third month, first in month 1.
- options: ``season=``, ``stores=`` (how many branches are visited), ``from=``/``until=`` (months, 2025-03 is 0).

``[card]`` and the like name the channel, from which the bank's wording and the type column follow.
"""

from __future__ import annotations

import calendar
import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random

FIRST_YEAR, FIRST_MONTH = 2025, 3
N_MONTHS = 18
N_SORTED_MONTHS = 12  # the rest has no tags, as in a household that has sorted one year and has the next before it

HERE = Path(__file__).resolve().parent

# name, definition, color; neighbors differ in color, so that chips in this order can be told apart.
LABELS = [
    ("groceries", "Food and household goods to take home: supermarkets, markets, butchers, bakers' bread.", "green"),
    ("eating out", "Meals, coffee and drinks made by others, delivery included.", "orange"),
    ("fuel", "Petrol, diesel and charging a car.", "red"),
    ("transport", "Getting about day to day: trains, buses, taxis, parking, tolls, the upkeep of a vehicle.", "blue"),
    ("travel", "Trips: flights, ferries, hotels, rental cars, what is booked for being away.", "violet"),
    ("rent", "Paid for the use of rooms or land: home, studio, storage, a market pitch.", "yellow"),
    ("utilities", "Electricity, gas, water, heating, waste.", "orange"),
    ("phone & internet", "Mobile contracts, top-ups, broadband.", "blue"),
    ("insurance", "Premiums of any kind of insurance.", "gray"),
    ("entertainment", "Films, music, games, books to listen to, tickets, days out.", "violet"),
    ("shopping", "Things bought that have no tag of their own: clothes, electronics, books, toys, crafts.", "red"),
    ("health", "Pharmacy, dentist, optician, doctor, and keeping fit.", "green"),
    ("childcare", "Nursery, clubs, lessons and school costs of the children.", "yellow"),
    ("home", "Furnishing, repairing, cleaning and gardening the home.", "orange"),
    ("pets", "Vet, food and toys for the cat. Rare on purpose.", "gray"),
    ("gifts & charity", "Donations, presents, flowers.", "violet"),
    ("software", "Programs and cloud services.", "blue"),
    ("office", "Supplies, printing, postage and equipment for work.", "yellow"),
    ("advertising", "Ads, listings and promotion for the firm.", "red"),
    ("professional services", "Accountants, solicitors, freelancers, consultants.", "green"),
    ("taxes", "Paid to or repaid by a tax office, a council or a licensing office.", "gray"),
    ("loan", "Installments of a loan, and the loan when it is paid out. Rare on purpose.", "red"),
    ("payroll", "Wages and salaries, received by the household or paid by the firm.", "blue"),
    ("income", "Money earned or granted: wages, benefits, sales.", "green"),
    ("interest", "Interest received or charged.", "yellow"),
    ("subscription", "A service that renews by itself until it is canceled.", "violet"),
    ("recurring", "Comes at regular intervals by contract or standing order, and is no subscription.", "gray"),
    ("online", "Ordered, sold or sent on a website or in an app.", "blue"),
    ("transfer", "Moves money between own accounts or between people.", "orange"),
    ("fee", "Charged by a bank or a payment service for its work.", "red"),
    ("refund", "Money back for something bought earlier.", "green"),
    ("cash", "Notes and coins, taken out or paid in.", "yellow"),
    (
        "tax-deductible",
        "Lowers a tax bill: most costs of the firm, the household's donations and the nursery.",
        "violet",
    ),
    ("business", "Belongs to the firm, or to work done for one.", "gray"),
]

SEASONS = {  # January first
    "summer": (0.4, 0.7, 0.7, 1.0, 1.2, 1.4, 2.1, 2.2, 0.9, 0.7, 0.3, 0.4),
    "winter": (1.8, 1.6, 1.2, 0.8, 0.5, 0.3, 0.3, 0.3, 0.6, 1.1, 1.6, 1.9),
    "spring": (0.3, 0.7, 1.8, 2.2, 1.9, 1.1, 0.7, 0.6, 0.9, 0.9, 0.4, 0.2),
    "christmas": (0.4, 0.5, 0.7, 0.7, 0.7, 0.7, 0.7, 0.6, 0.8, 1.0, 2.2, 3.4),
    "even": (1.0,) * 12,
}

CURRENT = """
[card]
TESCO STORES <store4> ; groceries ; 6-92 ; 3 ; stores=4
TESCO EXPRESS <store4> <city> ; groceries ; 3-24 ; 1.3 ; stores=3
TESCO PFS <store4> ; fuel ; 22-68 ; 0.8 ; stores=2
SAINSBURYS S/MKTS <city> ; groceries ; 9-88 ; 1.5 ; stores=2
SAINSBURYS PETROL <city> ; fuel ; 24-66 ; 0.33
ALDI <store2> <store3> <city> ; groceries ; 8-61 ; 1.7 ; stores=2
LIDL GB <city> ; groceries ; 6-48 ; 1.5 ; stores=3
CO-OP GROUP <store6> ; groceries ; 2-27 ; 1.8 ; stores=3
ASDA SUPERSTORE <store4> ; groceries ; 8-84 ; 0.5
ASDA F/STN <store4> ; fuel ; 22-64 ; 0.33
WAITROSE <store3> ; groceries ; 7-55 ; 0.4
ICELAND FOODS <city> ; groceries ; 5-31 ; 0.33
SPAR <city> ; groceries ; 2-16 ; 0.7 ; stores=3
COSTCO WHOLESALE <store4> ; groceries*6 / shopping*2 / fuel*2 ; 38-190 ; 0.4
M&S SIMPLY FOOD <city> ; groceries ; 4-29 ; 0.6 ; stores=2
MARKS&SPENCER PLC <city> ; shopping*6 / groceries*4 ; 9-72 ; 0.5 ; stores=2
SHELL <city> ; fuel ; 20-70 ; 0.7 ; stores=3
BP <city> CONNECT ; fuel*8 / groceries*2 ; 8-66 ; 0.4 ; stores=2
ESSO <city> MFG ; fuel ; 25-71 ; 0.33 ; stores=2
TEXACO <city> ; fuel ; 20-62 ; 0.2
PODPOINT CHARGE <city> ; fuel+online ; 4-15 ; 0.33 ; from=9 stores=2
GREGGS <store4> ; eating out ; 2-9 ; 1.1 ; stores=4
COSTA COFFEE <store8> ; eating out ; 3-14 ; 1.3 ; stores=4
PRET A MANGER <store3> ; eating out ; 4-13 ; 0.46 ; stores=3
NANDOS <city> ; eating out ; 18-57 ; 0.26
PIZZA EXPRESS <store4> ; eating out ; 24-66 ; 0.2
MCDONALDS <store4> ; eating out ; 4-22 ; 0.6 ; stores=4
J D WETHERSPOON <city> ; eating out ; 9-41 ; 0.33 ; stores=3
KFC <city> ; eating out ; 7-24 ; 0.2
IKEA <city> ; home*8 / eating out*2 ; 12-160 ; 0.17
B & Q <store4> ; home ; 6-120 ; 0.46 ; season=spring stores=2
SCREWFIX DIR <city> ; home ; 5-64 ; 0.26
WILKO <city> ; home ; 3-24 ; 0.2 ; until=10
TRAGO MILLS <city> ; home*6 / shopping*4 ; 8-70 ; 0.2
BOOTS <store4> <city> ; health*7 / shopping*3 ; 3-36 ; 0.8 ; stores=3
SUPERDRUG <city> ; health*5 / shopping*5 ; 3-25 ; 0.33
SPECSAVERS <city> ; health ; 20-169 ; 0.13
WH SMITH <city> ; shopping*8 / office+business*1 ; 3-22 ; 0.26 ; stores=2
WATERSTONES <city> ; shopping ; 7-40 ; 0.26 ; season=christmas
NEXT RETAIL <city> ; shopping ; 12-85 ; 0.26
PRIMARK <city> ; shopping ; 8-60 ; 0.26
SPORTS DIRECT <store3> ; shopping ; 12-70 ; 0.17
SMYTHS TOYS <city> ; shopping*6 / gifts & charity*4 ; 9-75 ; 0.2 ; season=christmas
CARD FACTORY <city> ; gifts & charity ; 2-14 ; 0.26 ; stores=2
OXFAM F<store4> ; shopping*6 / gifts & charity*4 ; 2-18 ; 0.26
POST OFFICE COUNTER <city> ; shopping*5 / office+business*3 / gifts & charity*2 ; 2-21 ; 0.26
FIRST KERNOW BUS ; transport ; 2-6 ; 1
GWR <city> TICKET OFFICE ; transport ; 5-64 ; 0.4 ; stores=2
NCP CAR PARK <city> ; transport ; 2-14 ; 0.4 ; stores=3
HALFORDS <store4> ; transport*8 / shopping*2 ; 6-90 ; 0.2
KWIK FIT <city> ; transport ; 45-240 ; 0.08
CINEWORLD <city> ; entertainment ; 9-44 ; 0.26
EDEN PROJECT ST AUSTELL ; entertainment ; 28-90 ; 0.1 ; season=summer
NATIONAL TRUST <city> ; entertainment ; 4-32 ; 0.33 ; season=summer stores=3
PETS AT HOME <store3> ; pets ; 6-48 ; 0.6 ; from=6 stores=2
PENDRAGON VETS FALMOUTH ; pets+health ; 28-180 ; 0.2 ; from=6
TIMPSON <store4> ; home*5 / shopping*5 ; 6-26 ; 0.13
[web]
TFL TRAVEL CH TFL.GOV.UK/CP ; transport+online ; 2-9 ; 0.7
TRAINLINE.COM LONDON ; transport+online ; 12-96 ; 0.5
RINGGO PARKING ; transport+online ; 1-8 ; 0.9
JUSTPARK.COM ; transport+online ; 3-12 ; 0.26
AMZN Mktp UK*<ref9> ; shopping+online*6 / groceries+online*1 / home+online*2 / gifts & charity+online*1 ; 5-64 ; 1.7
AMAZON.CO.UK*<ref9> ; shopping+online*7 / groceries+online*2 / office+business+online*1 ; 5-80 ; 0.8
AMAZON FRESH AMZN.CO.UK ; groceries+online ; 32-90 ; 0.4
OCADO RETAIL LTD ; groceries+online ; 48-130 ; 0.4
DELIVEROO LONDON ; eating out+online ; 14-46 ; 0.5
JUST EAT.CO.UK LTD ; eating out+online ; 13-42 ; 0.6
UBER   *TRIP HELP.UBER.COM ; transport+online ; 5-28 ; 0.46
UBER   *EATS HELP.UBER.COM ; eating out+online ; 14-40 ; 0.4
UBER   *PENDING ; transport+online*5 / eating out+online*5 ; 6-35 ; 0.26
PAYPAL *EBAY UK ; shopping+online ; 4-60 ; 0.46
PAYPAL *VINTED ; shopping+online ; 4-28 ; 0.33
PAYPAL *JUSTGIVING ; gifts & charity+online+tax-deductible ; 10-50 ; 0.2
ARGOS RETAIL GROUP ; shopping+online*7 / home+online*3 ; 10-90 ; 0.33
JOHNLEWIS.COM ; home+online*5 / shopping+online*5 ; 15-180 ; 0.2
ASOS.COM ; shopping+online ; 18-80 ; 0.26
BLOOM & WILD LTD ; gifts & charity+online ; 24-45 ; 0.17
MOONPIG.COM ; gifts & charity+online ; 4-16 ; 0.26
PREMIER INN <num8> ; travel+online ; 52-160 ; 0.13
BRITTANY FERRIES PLYMOUTH ; travel+online ; 140-520 ; 0.1 ; season=summer
EASYJET   <ref7> ; travel+online ; 48-290 ; 0.2 ; season=summer
TICKETMASTER UK ; entertainment+online ; 30-140 ; 0.13
PARENTPAY.COM ; childcare+online ; 8-45 ; 0.9
DVLA VEHICLE TAX ; taxes+online ; 190 ; @1/12+4
ZOOPLUS.CO.UK ; pets+online ; 24-55 ; 0.26 ; from=8
GIFFGAFF TOPUP ; phone & internet+online ; 10 ; 0.5
UNIDAYS PEARSON EDEXCEL ; childcare+online ; 42-90 ; 0.07
[dd]
EDF ENERGY ; utilities+recurring ; 118-186 ; @3 ; until=10
OCTOPUS ENERGY ; utilities+recurring ; 109-171 ; @4 ; from=11
SOUTH WEST WATER ; utilities+recurring ; 51.40 ; @7
CALOR GAS LTD <store7> ; utilities+recurring ; 38-95 ; @18/3+1
CORNWALL COUNCIL COUNCIL TAX ; taxes+recurring ; 187.00 ; @5
CORNWALL COUNCIL GREEN WASTE ; utilities+recurring ; 16.25 ; @20/3+1
TV LICENCE MBP ; entertainment+recurring ; 14.54 ; @1
BT GROUP PLC ; phone & internet+recurring ; 36.99 ; @12 ; until=13
SKY DIGITAL ; phone & internet+entertainment+recurring ; 49.00 ; @14 ; from=14
VODAFONE LTD <store10> ; phone & internet+recurring ; 21-34 ; @16
EE LIMITED Q<store8> ; phone & internet+recurring ; 18-29 ; @19
THREE UK MOBILE ; phone & internet+recurring ; 8.00 ; @22 ; from=5
LV INSURANCE CAR ; insurance+recurring ; 41.17 ; @9
AVIVA HOME INS ; insurance+recurring ; 19.83 ; @10
BUPA CENTRAL A/C ; insurance+health+recurring ; 33.60 ; @11
PETPLAN LTD ; insurance+pets+recurring ; 14.92 ; @13 ; from=6
SUN LIFE ASSURANCE ; insurance+recurring ; 22.00 ; @15
PENDENNIS LEISURE GYM ; health+subscription ; 29.50 ; @2 ; until=12
THE GYM GROUP ; health+subscription ; 21.99 ; @2 ; from=13
RSPB MEMBERSHIP ; gifts & charity+recurring+tax-deductible ; 6.00 ; @8
RNLI ; gifts & charity+recurring+tax-deductible ; 10.00 ; @8
SHELTER ; gifts & charity+recurring+tax-deductible ; 5.00 ; @21 ; from=8
ZOPA CAR FINANCE ; loan+recurring ; 164.33 ; @17
STUDENT LOANS CO ; loan+recurring ; 52.00 ; @26
HMRC SELF ASSESSMENT ; taxes ; 280-640 ; @30/6+4
[so]
TREVARRICK LETTINGS RENT <mon> ; rent+recurring ; 1080.00 ; @1
LITTLE GULLS NURSERY ; childcare+recurring+tax-deductible ; 312.00 ; @3
FALMOUTH SWIM CLUB ; childcare+recurring ; 24.00 ; @6
PENRYN MUSIC HUB LESSONS ; childcare+recurring ; 36.00 ; @6
ALLOTMENT RENT PLOT <store2> ; rent ; 46.00 ; @2/6+1
BEACH HUT GROUND RENT ; rent+recurring ; 38.00 ; @28/3+2
GARAGE 7 RENT TRELAWNEY EST ; rent+recurring ; 55.00 ; @4 ; until=9
R PENHALE HOLIDAY POT ; transfer+recurring ; 60.00 ; @27
[in]
ST BRANNOC COLLEGE SALARY ; payroll+income+recurring ; +3386.40 ; @25
CHILD BENEFIT HMRC <num8> ; income+recurring ; +102.40 ; @10
J PENHALE BANK TUITION <mon> ; income ; +60-180 ; 0.33
<person> DINNER ; transfer+eating out ; +12-38 ; 0.26
<person> THANKS ; transfer ; +8-60 ; 0.4
<person> CONCERT TICKETS ; transfer+entertainment ; +25-80 ; 0.1
HMRC TAX REFUND <ref8> ; taxes+refund ; +64-310 ; @14/9+4
EBAY COMMERCE UK PAYOUT ; income+online ; +9-60 ; 0.33
VINTED SALES <num6> ; income+online ; +5-28 ; 0.26
ST BRANNOC COLLEGE EXPENSES ; refund+business ; +18-120 ; 0.26
ZOPA PERSONAL LOAN ADVANCE ; loan ; +2500.00 ; @20/18+9
[out]
<person> REF <ref6> ; transfer ; 5-90 ; 0.5
<person> BIRTHDAY ; transfer+gifts & charity ; 10-50 ; 0.33
<person> PIZZA NIGHT ; transfer+eating out ; 8-26 ; 0.26
<person> BABYSITTING ; childcare+transfer ; 20-48 ; 0.4
<person> WINDOW CLEANER ; home ; 16.00 ; 0.46
<person> PIANO LESSONS ; childcare ; 18-36 ; 0.33
FALMOUTH SCHOOL PTA ; childcare+gifts & charity ; 4-20 ; 0.13
CASTLE HILL DENTAL PLAN ; health ; 24-85 ; 0.13
[atm]
LINK FORE ST <city> <date> ; cash ; 20-120 ; 0.7 ; stores=2
NOTEMACHINE <city> ; cash ; 20-80 ; 0.46 ; stores=3
CASH MACHINE BARCLAYS <city> ; cash ; 20-150 ; 0.5 ; stores=3
POST OFFICE CASH WDL <city> ; cash ; 20-100 ; 0.26
[salary]
STAFF - PAYROLL ; payroll+income+recurring ; +1602.61 ; @28
[xfer]
Online Transfer to Deposit Account-9541 ; transfer+online ; 2895.00 ; @29/6+5
Online Transfer from Deposit Account-9541 ; transfer+online ; +250-700 ; 0.26
[interest]
Deposit interest ; interest ; +1.24 ; @30/6+5
Deposit interest ; interest ; +0.70-2.30 ; @30/3+0
Deposit interest ; interest ; +0.70-2.30 ; @30/3+1
GROSS INTEREST TO <date> ; interest ; +0.40-2.60 ; @30/3+2
INTEREST ON ISA <num4> PAID AWAY ; interest ; +3-9 ; @5/6+1
PREMIUM SAVINGS INTEREST <mon> ; interest ; +1-5 ; @2/2+0
DEBIT INTEREST TO <date> ; interest+fee ; 0.60-4.80 ; @6/3+0
[fee]
NON-STERLING TRANSACTION FEE ; fee ; 0.30-2.90 ; 0.46
ARRANGED OVERDRAFT USAGE FEE <mon> ; fee ; 1-7 ; 0.2
UNPAID ITEM CHARGE ; fee ; 5.00 ; 0.1
REPLACEMENT CARD FEE ; fee ; 5.00 ; 0.04
FOREIGN CASH FEE ; fee+cash ; 1.50-3.90 ; 0.1
[cheque]
CHQ <num6> ; childcare*3 / home*4 / gifts & charity*3 ; 15-120 ; 0.26
[counter]
CASH PAID IN AT <city> ; cash+income ; +20-160 ; 0.2
"""

CARD = """
[card]
REWE SAGT DANKE <store5> ; groceries ; 6-74 ; 2.1 ; stores=3
EDEKA <city> ; groceries ; 5-62 ; 1.5 ; stores=3
ALDI SUED <city> ; groceries ; 6-50 ; 1.2 ; stores=2
LIDL SAGT DANKE <city> ; groceries ; 5-44 ; 1.1 ; stores=2
PENNY <store4> ; groceries ; 3-26 ; 0.5 ; stores=2
ALNATURA PRODUKTIONS <city> ; groceries ; 6-40 ; 0.5
BIO COMPANY <store2> ; groceries ; 5-32 ; 0.26
EUROSPAR <city> ; groceries ; 4-35 ; 0.26
DM-DROGERIE MARKT <city> ; shopping*5 / health*5 ; 4-38 ; 0.9 ; stores=2
ROSSMANN <store4> ; shopping*5 / health*5 ; 3-28 ; 0.46 ; stores=2
MONOPRIX <city> ; groceries*7 / shopping*3 ; 5-38 ; 0.2 ; season=summer
MIGROS <city> ; groceries ; 4-36 ; 0.26
ARAL AG <store9> ; fuel ; 28-84 ; 0.6 ; stores=2
SHELL <store4> <city> ; fuel*9 / eating out*1 ; 4-82 ; 0.46 ; stores=2
JET TANKSTELLE <city> ; fuel ; 26-78 ; 0.33
TOTALENERGIES <city> ; fuel ; 25-80 ; 0.26 ; season=summer stores=2
ENBW MOBILITY ; fuel+online ; 6-28 ; 0.26 ; from=6
DB BORDBISTRO ; eating out ; 3-17 ; 0.4
BACKWERK <city> ; eating out ; 2-9 ; 0.7 ; stores=2
NORDSEE <city> ; eating out ; 6-19 ; 0.26
VAPIANO <city> ; eating out ; 12-44 ; 0.26
STARBUCKS <store5> ; eating out ; 3-12 ; 0.5 ; stores=3
BURGER KING <store4> ; eating out ; 6-20 ; 0.26
VAG FREIBURG FAHRKARTE ; transport ; 2-8 ; 1.1
APCOA PARKING <city> ; transport ; 2-16 ; 0.33 ; stores=2
AUTOROUTES VINCI PEAGE ; transport+travel ; 4-31 ; 0.26 ; season=summer
TOTAL WASH <city> ; transport ; 8-16 ; 0.13
IKEA DEUTSCHLAND <city> ; home*8 / eating out*2 ; 10-190 ; 0.2
OBI BAU- UND HEIMWERKERMARKT ; home ; 6-90 ; 0.26 ; season=spring
HORNBACH <city> ; home ; 8-110 ; 0.13 ; season=spring
DEPOT <city> ; home*6 / gifts & charity*4 ; 6-45 ; 0.2 ; season=christmas
MEDIAMARKT <city> ; shopping ; 15-260 ; 0.2
H&M <store3> <city> ; shopping ; 9-70 ; 0.33 ; stores=2
DECATHLON <city> ; shopping ; 10-85 ; 0.26
GALERIA KAUFHOF <city> ; shopping*8 / groceries*2 ; 8-90 ; 0.2
THALIA BUECHER <city> ; shopping ; 6-38 ; 0.26 ; season=christmas
FIELMANN AG ; health ; 20-190 ; 0.08
[web]
AMZN Mktp DE*<ref9> ; shopping+online*6 / groceries+online*1 / home+online*2 / gifts & charity+online*1 ; 5-72 ; 1.3
AMAZON.DE*<ref9> AMZN.COM/BILL ; shopping+online*7 / office+business+online*2 / groceries+online*1 ; 5-90 ; 0.6
AMAZON PRIME*<ref9> ; shopping+subscription+online ; 8.99 ; @11
NETFLIX.COM ; entertainment+subscription+online ; 13.99 ; @6
SPOTIFY P<ref10> ; entertainment+subscription+online ; 17.99 ; @9
DISNEY PLUS ; entertainment+subscription+online ; 9.99 ; @14 ; until=11
GOOGLE *YouTubePremium ; entertainment+subscription+online ; 12.99 ; @21
AUDIBLE GMBH*<ref9> ; entertainment+subscription+online ; 9.95 ; @18
APPLE TV+ ITUNES.COM ; entertainment+subscription+online ; 9.99 ; @24 ; from=10
PATREON* MEMBERSHIP ; entertainment+subscription+online ; 5.95 ; @2
DAZN LIMITED ; entertainment+subscription+online ; 14.99 ; @26 ; from=13
APPLE.COM/BILL ; entertainment+subscription+online*5 / software+subscription+online*5 ; 0.99-9.99 ; 0.9
NINTENDO *EUROPE ; entertainment+online ; 5-60 ; 0.26
STEAMGAMES.COM <num10> ; entertainment+online ; 3-50 ; 0.4
PLAYSTATION NETWORK ; entertainment+online ; 8-70 ; 0.2
EVENTIM.DE <num8> ; entertainment+online ; 34-130 ; 0.17
KINOHELD.DE ; entertainment+online ; 18-44 ; 0.2
MICROSOFT*365 FAMILY ; software+subscription+online ; 10.00 ; @15
GOOGLE *Google One ; software+subscription+online ; 2.99 ; @17
DROPBOX*<ref11> ; software+subscription+online ; 11.99 ; @12 ; until=8
OPENAI *CHATGPT SUBSCR ; software+subscription+online ; 22.99 ; @20 ; from=3
1PASSWORD.COM ; software+subscription+online ; 5.49 ; @23
DEEPL SE ; software+subscription+online+business ; 8.99 ; @19 ; from=12
NORDVPN.COM ; software+subscription+online ; 4.99 ; @8 ; from=4
ZEIT ONLINE ABO ; entertainment+subscription+online ; 19.90 ; @4
NYTIMES*DIGITAL ; entertainment+subscription+online ; 4.00 ; @28
URBAN SPORTS CLUB ; health+subscription+online ; 33.00 ; @5
HEADSPACE.COM ; health+subscription+online ; 57.99 ; @10/12+3
DB VERTRIEB GMBH <ref6> ; transport+online ; 12-98 ; 0.9
DB VERTRIEB BAHNCARD ; transport+subscription+online ; 62.90 ; @16/12+8
DEUTSCHLANDTICKET VAG ; transport+subscription+online ; 58.00 ; @1
FLIXBUS.COM ; travel+online ; 14-58 ; 0.26
UBER *TRIP AMSTERDAM ; transport+online ; 6-32 ; 0.33
UBER *EATS AMSTERDAM ; eating out+online ; 15-39 ; 0.26
UBER BV ; transport+online*6 / eating out+online*4 ; 8-36 ; 0.26
BOLT.EU/O/<ref10> ; transport+online ; 4-22 ; 0.4
LIME*RIDE COST ; transport+online ; 2-7 ; 0.46 ; season=summer
LIEFERANDO.DE ; eating out+online ; 15-44 ; 0.5
WOLT DOI*<ref6> ; eating out+online ; 14-38 ; 0.33
HELLOFRESH <ref8> ; groceries+subscription+online ; 42-62 ; 0.8 ; until=9
RYANAIR <ref14> ; travel+online ; 24-240 ; 0.4 ; season=summer
EASYJET <ref7> LUTON ; travel+online ; 36-260 ; 0.26 ; season=summer
LUFTHANSA <num13> ; travel+online ; 96-540 ; 0.13
EUROSTAR INTERNATIONAL ; travel+online ; 58-280 ; 0.2
SNCF CONNECT <ref6> ; travel+online ; 22-160 ; 0.26 ; season=summer
BOOKING.COM <num10> ; travel+online ; 62-410 ; 0.33 ; season=summer
AIRBNB * <ref10> ; travel+online ; 84-620 ; 0.26 ; season=summer
SIXT AUTOVERMIETUNG ; travel ; 70-340 ; 0.13 ; season=summer
PAYPAL *EBAY <ref8> ; shopping+online ; 5-70 ; 0.5
PAYPAL *ETSY INC ; shopping+online*6 / gifts & charity+online*4 ; 9-48 ; 0.33 ; season=christmas
ZALANDO SE ; shopping+online ; 20-120 ; 0.4
OTTO GMBH & CO KG ; shopping+online*5 / home+online*5 ; 18-160 ; 0.2
VINTED UAB ; shopping+online ; 5-30 ; 0.33
IKEA ONLINESHOP ; home+online ; 24-280 ; 0.13
WESTWING GMBH ; home+online ; 20-120 ; 0.13
SHOP-APOTHEKE.COM ; health+online ; 12-58 ; 0.26
FLEUROP AG ; gifts & charity+online ; 28-52 ; 0.17
WIKIMEDIA FOUNDATION ; gifts & charity+online+tax-deductible ; 10-25 ; 0.13 ; season=christmas
UNICEF DEUTSCHLAND ; gifts & charity+online+tax-deductible ; 15-50 ; 0.2
AERZTE OHNE GRENZEN ; gifts & charity+online+tax-deductible ; 20-60 ; 0.17
AIRALO ESIM ; phone & internet+online+travel ; 4-18 ; 0.2 ; season=summer
FRITZ-KOLA SHOP<semi> BESTELLUNG <num5> ; groceries+online ; 18-36 ; 0.13
[dd]
CONGSTAR PREPAID <store10> ; phone & internet+recurring ; 10-20 ; @13
TELEKOM DEUTSCHLAND <mon> ; phone & internet+recurring ; 39.95 ; @20
HANSEMERKUR REISEVERS. ; insurance+travel+recurring ; 24.80 ; @3/3+0
HUK-COBURG HAFTPFLICHT ; insurance+recurring ; 17.45 ; @12/3+1
ALLIANZ ZAHNZUSATZ ; insurance+health+recurring ; 21.70 ; @7
RUNDFUNK ARD, ZDF, DRADIO ; entertainment+recurring ; 55.08 ; @15/3+2
BADENOVA STROM ABSCHLAG <mon> ; utilities+recurring ; 44.00 ; @2
ZIMMER MIETE WG WIEHRE <mon> ; rent+recurring ; 340.00 ; @1
DLRG SPENDE ; gifts & charity+recurring+tax-deductible ; 5.00 ; @9
[atm]
GELDAUTOMAT SPARKASSE <city> ; cash ; 20-200 ; 0.46 ; stores=3
BARGELDAUSZAHLUNG VOLKSBANK <city> ; cash ; 30-150 ; 0.26 ; stores=2
RETRAIT DAB <city> ; cash ; 20-120 ; 0.2 ; season=summer stores=3
EURONET <ref4> <city> ; cash ; 40-150 ; 0.13 ; season=summer stores=2
[bank]
Auslandseinsatzentgelt 1,75% ; fee ; 0.30-4.90 ; 0.8
Entgelt Bargeldauszahlung ; fee+cash ; 3.90-5.90 ; 0.4
Jahresgebühr Kreditkarte <num4> ; fee+recurring ; 39.00 ; @4/12+6
Sollzinsen <mon> ; interest+fee ; 0.80-9.40 ; 0.33
Guthabenzinsen ; interest ; +0.12-0.90 ; @30/3+0
Gutschrift Kulanz Umsatz vom <date> ; refund ; +2-15 ; 0.1
Ersatzkarte Express-Versand ; fee ; 15.00 ; 0.03
"""

FIRM = """
[credit]
STRIPE TRANSFER ST-<ref12> ; income+online+business ; +1500-5900 ; 3
SHOPIFY PAYOUT <num9> ; income+online+business ; +420-2700 ; 2.2
SQUARE INC SQ<num6> <ref8> ; income+business ; +260-1500 ; 2
ETSY INC PAYOUT <num8> ; income+online+business ; +90-760 ; 1.2
PAYPAL TRANSFER <num10> ; income+online+business ; +30-380 ; 0.8
ORIG CO NAME:HARBORLIGHT BOOKS ORIG ID:<num10> DESCR:INVOICE ; income+business ; +2100-5600 ; 0.6
ORIG CO NAME:CASCO BAY TOURS ORIG ID:<num10> DESCR:PAYMENT ; income+business ; +1600-4200 ; 0.46
ORIG CO NAME:DIRIGO DENTAL ORIG ID:<num10> DESCR:AP PMT ; income+business ; +1200-3600 ; 0.33
IRS TREAS 310 TAX REF <num9> ; taxes+refund+business ; +180-900 ; @12/12+2
GUSTO TAX REFUND <ref6> ; taxes+payroll+refund+business ; +24-140 ; @22/6+3
[deposit]
REMOTE ONLINE DEPOSIT # <num2> ; income+business ; +480-2900 ; 0.9
DEPOSIT ID NUMBER <num6> ; income+business ; +120-1500 ; 0.5
CASH DEPOSIT <city> BRANCH ; income+cash+business ; +60-640 ; 0.6
Zelle payment from <person> <ref10> ; income+online+business ; +40-420 ; 0.6
FEDWIRE CREDIT VIA: KEYBANK B/O: <person> ; income+transfer+business ; +1200-3400 ; 0.13
[ach]
GUSTO PAY <num6> <ref7> ; payroll+business+recurring+tax-deductible ; 2900-3350 ; @14
GUSTO PAY <num6> <ref7> ; payroll+business+recurring+tax-deductible ; 2900-3350 ; @28
GUSTO TAX <num6> <ref7> ; payroll+taxes+business+recurring ; 820-1010 ; @15
GUSTO FEE <num6> ; software+subscription+fee+business+tax-deductible ; 58.00 ; @5
PAYROLL T OKAFOR <num6> ; payroll+business+recurring+tax-deductible ; 640-780 ; @13
PAYROLL M LINDQVIST <mon> ; payroll+business+recurring+tax-deductible ; 520-690 ; @27
PAYROLL SEASONAL HELP <person> ; payroll+business+tax-deductible ; 180-460 ; 0.5 ; season=christmas
ADP WAGE PAY <num9> ; payroll+business+recurring+tax-deductible ; 410-560 ; @20 ; from=10
BAYSIDE MILL PROPERTIES RENT <mon> ; rent+business+recurring+tax-deductible ; 1450.00 ; @1
PEAKS STORAGE UNIT <store2> RENT ; rent+business+recurring+tax-deductible ; 119.00 ; @3
CRAFT FAIR BOOTH RENT <city> ; rent+business+tax-deductible ; 75-220 ; 0.28 ; season=christmas stores=3
CENTRAL MAINE POWER PAYMENT ; utilities+business+recurring+tax-deductible ; 140-260 ; @9
UNITIL NATURAL GAS <store7> ; utilities+business+recurring+tax-deductible ; 45-190 ; @11
PORTLAND WATER DISTRICT ; utilities+business+recurring+tax-deductible ; 44-70 ; @17/3+1
CASELLA WASTE SYSTEMS ; utilities+business+recurring+tax-deductible ; 62.00 ; @19
SPECTRUM BUSINESS <store8> ; phone & internet+business+recurring+tax-deductible ; 89.99 ; @8
VERIZON WIRELESS VZWRLSS*APOCC ; phone & internet+business+recurring+tax-deductible ; 96-128 ; @21
HISCOX INC PREMIUM ; insurance+business+recurring+tax-deductible ; 61.50 ; @6
THE HARTFORD NWTBCLSCIC <num8> ; insurance+business+recurring+tax-deductible ; 112.00 ; @16
ANTHEM BCBS HEALTH PREM ; insurance+health+business+recurring+tax-deductible ; 388.00 ; @2
PROGRESSIVE COMMERCIAL AUTO ; insurance+business+recurring+tax-deductible ; 128.00 ; @24
SBA EIDL LOAN PAYMENT ; loan+business+recurring ; 231.00 ; @18
IRS USATAXPYMT <num15> ; taxes+business ; 600-1400 ; @15/3+1
MAINE REVENUE SVCS SALES TAX ; taxes+business+recurring ; 120-420 ; @15
MAINE REV WITHHOLDING <num8> ; taxes+payroll+business+recurring ; 90-210 ; @25/3+1
CITY OF PORTLAND LICENSE ; taxes+business ; 85.00 ; @10/12+4
BREWER & LUNT CPAS, LLC ; professional services+business+tax-deductible ; 180-650 ; 0.28
AMEX EPAYMENT ACH PMT <ref5> ; transfer+business+recurring ; 220-640 ; @23
[card]
STAPLES <store8> <city> ; office+business+tax-deductible ; 9-140 ; 0.9 ; stores=2
OFFICE DEPOT #<store4> ; office+business+tax-deductible ; 8-120 ; 0.42
USPS PO <store10> <city> ; office+business+tax-deductible ; 4-86 ; 1.5 ; stores=2
UPS STORE <store4> ; office+business+tax-deductible ; 9-74 ; 0.7
FEDEX OFFIC<store9> ; office+business+tax-deductible ; 8-90 ; 0.39
COSTCO WHSE #<store4> ; office+business+tax-deductible*6 / groceries+business*4 ; 28-190 ; 0.39
COSTCO GAS #<store4> ; fuel+business+tax-deductible ; 24-58 ; 0.39
HANNAFORD #<store4> ; groceries+business ; 6-58 ; 0.6 ; stores=2
TRADER JOE S #<store3> ; groceries+business ; 8-44 ; 0.28
IRVING OIL <city> ; fuel+business+tax-deductible ; 26-62 ; 0.5 ; stores=3
SHELL OIL <store11> ; fuel+business+tax-deductible ; 24-60 ; 0.42 ; stores=3
CUMBERLAND FARMS <store4> ; fuel+business+tax-deductible*8 / eating out+business*2 ; 4-56 ; 0.42 ; stores=2
EXXONMOBIL <store8> ; fuel+business+tax-deductible ; 25-60 ; 0.22
DUNKIN #<store6> Q35 ; eating out+business ; 4-19 ; 1 ; stores=3
STARBUCKS STORE <store5> ; eating out+business ; 4-16 ; 0.5 ; stores=2
CHIPOTLE <store4> ; eating out+business ; 10-38 ; 0.34
PANERA BREAD #<store6> ; eating out+business ; 11-42 ; 0.28
HOME DEPOT #<store4> ; home+business+tax-deductible*5 / office+business+tax-deductible*5 ; 9-160 ; 0.39
MICHAELS STORES <store4> ; shopping+business+tax-deductible ; 8-90 ; 0.39
BEST BUY <store8> ; office+business+tax-deductible ; 25-480 ; 0.17
TARGET <store8> ; office+business+tax-deductible*5 / groceries+business*5 ; 8-70 ; 0.34
PORTLAND PARKING METER ; transport+business+tax-deductible ; 1-6 ; 1
EZ PASS MAINE TPK ; transport+business+tax-deductible ; 20-40 ; 0.34
AUTOZONE #<store4> ; transport+business+tax-deductible ; 12-110 ; 0.11
HAMPTON INN <city> ; travel+business+tax-deductible ; 118-320 ; 0.17 ; stores=3
AMTRAK DOWNEASTER <num13> ; travel+business+tax-deductible ; 29-88 ; 0.17
[web]
AMZN Mktp US*<ref9> ; office+business+tax-deductible+online*7 / shopping+business+online*2 / groceries+business+online*1 ; 8-120 ; 1.3
AMAZON.COM*<ref9> AMZN.COM/BILL ; office+business+tax-deductible+online*7 / shopping+business+online*3 ; 8-140 ; 0.6
ULINE *SHIP SUPPLIES ; office+business+tax-deductible+online ; 44-260 ; 0.39
VISTAPRINT *VistaPrint.com ; office+business+tax-deductible+online*5 / advertising+business+tax-deductible+online*5 ; 22-130 ; 0.22
MOO INC PRINTING ; office+business+tax-deductible+online ; 28-110 ; 0.17
STAMPS.COM *USPOSTAGE ; office+business+tax-deductible+online ; 20-100 ; 0.5
PIRATESHIP* POSTAGE ; office+business+tax-deductible+online ; 10-84 ; 0.7
ADOBE *CREATIVE CLOUD ; software+subscription+online+business+tax-deductible ; 59.99 ; @4
GOOGLE *GSUITE ALDERFINCH ; software+subscription+online+business+tax-deductible ; 36.00 ; @2
GOOGLE *CLOUD <ref6> ; software+subscription+online+business+tax-deductible ; 6-28 ; @3
SHOPIFY* <num9> ; software+subscription+online+business+tax-deductible ; 39.00 ; @12
INTUIT *QBooks Online ; software+subscription+online+business+tax-deductible ; 35.00 ; @18
MAILCHIMP *MISC ; software+advertising+subscription+online+business+tax-deductible ; 26.50 ; @22
SLACK T<ref9> ; software+subscription+online+business+tax-deductible ; 21.75 ; @16 ; until=13
CANVA* <num10> ; software+subscription+online+business+tax-deductible ; 14.99 ; @10
ZOOM.US 888-799-9666 ; software+subscription+online+business+tax-deductible ; 15.99 ; @26
DROPBOX*<ref11> BUSINESS ; software+subscription+online+business+tax-deductible ; 24.00 ; @14
GITHUB, INC. ; software+subscription+online+business+tax-deductible ; 8.00 ; @9
NOTION LABS, INC. ; software+subscription+online+business+tax-deductible ; 20.00 ; @20 ; from=9
FIGMA MONTHLY RENEWAL ; software+subscription+online+business+tax-deductible ; 30.00 ; @7 ; from=12
AIRTABLE.COM//BILL ; software+subscription+online+business+tax-deductible ; 20.00 ; @11 ; from=14
GODADDY.COM DOMAIN ; software+online+business+tax-deductible ; 12-44 ; 0.17
GOOGLE *ADS<num10> ; advertising+online+business+tax-deductible ; 50-260 ; 1 ; season=christmas
FACEBK *<ref10> ; advertising+online+business+tax-deductible ; 20-160 ; 1.1 ; season=christmas
PINTEREST ADS <ref6> ; advertising+online+business+tax-deductible ; 20-90 ; 0.34 ; season=christmas
LINKEDIN JOB POST ; advertising+online+business+tax-deductible ; 60-180 ; 0.11
ETSY ADS FEE <mon> ; advertising+fee+online+business+tax-deductible ; 12-60 ; 0.42
YELP INC*ADVERTISING ; advertising+online+business+tax-deductible ; 75.00 ; @27 ; until=9
PORTLAND PHOENIX AD SALES ; advertising+business+tax-deductible ; 90-220 ; 0.17
UPWORK -<num8> REF ; professional services+online+business+tax-deductible ; 60-420 ; 0.42
FIVERR.COM ; professional services+online+business+tax-deductible ; 25-140 ; 0.22
LEGALZOOM* <num8> ; professional services+online+business+tax-deductible ; 79-199 ; 0.09
UBER   *TRIP ; transport+online+business+tax-deductible ; 8-46 ; 0.34
UBER   *EATS ; eating out+online+business ; 16-52 ; 0.28
UBER *ONE ; transport+subscription+online+business*5 / eating out+subscription+online+business*5 ; 9.99 ; @6
LYFT *RIDE <date> ; transport+online+business+tax-deductible ; 8-40 ; 0.28
DOORDASH*<ref8> ; eating out+online+business ; 16-58 ; 0.39
DELTA AIR <num13> ; travel+online+business+tax-deductible ; 160-520 ; 0.11
JETBLUE <num13> ; travel+online+business+tax-deductible ; 120-380 ; 0.11
[fee]
MONTHLY SERVICE FEE ; fee+business+tax-deductible+recurring ; 15.00 ; @30
DOMESTIC INCOMING WIRE FEE ; fee+business+tax-deductible ; 15.00 ; 0.17
CASH DEPOSIT PROCESSING FEE ; fee+cash+business+tax-deductible ; 1-6 ; 0.17
STRIPE BILLING FEE <mon> ; fee+online+business+tax-deductible ; 8-46 ; 0.39
ETSY LISTING FEE <num6> ; fee+online+business+tax-deductible ; 2-14 ; 0.39
FOREIGN EXCHANGE RATE ADJ FEE ; fee+business+tax-deductible ; 0.40-3.90 ; 0.28
OVERDRAFT FEE FOR A TRANSACTION POSTED <date> ; fee+business ; 34.00 ; 0.04
STOP PAYMENT FEE ; fee+business+tax-deductible ; 30.00 ; 0.03
[interest]
INTEREST PAYMENT ; interest+income+business ; +0.40-3.20 ; @30
INTEREST CHARGED LINE OF CREDIT <mon> ; interest+business+tax-deductible ; 6-28 ; 0.34
[xfer]
Online Transfer to SAV ...<store4> transaction#: <num11> ; transfer+online+business ; 300-1200 ; 0.5
Online Transfer from SAV ...<store4> transaction#: <num11> ; transfer+online+business ; +200-900 ; 0.33
OWNER DRAW A FINCH ; transfer ; 1500.00 ; @30
Zelle payment to <person> <ref10> ; professional services+business+tax-deductible*5 / transfer*5 ; 40-320 ; 0.39
[atm]
ATM WITHDRAWAL <num6> <date> CONGRESS <city> ; cash+business ; 40-200 ; 0.39
NON-CHASE ATM WITHDRAW <num6> <city> ; cash+business ; 40-120 ; 0.17 ; stores=3
[check]
CHECK <check> ; professional services+business+tax-deductible*5 / rent+business+tax-deductible*2 / home+business+tax-deductible*3 ; 60-520 ; 0.5
"""

# Trades of the long tail, each with a name of its own invention, most of them met once:
#     trades ; tags ; amount ; times a month ; how they take payment ; options
# Payment: shop (the bare name), till (a small card reader), table (a restaurant's reader), web (a web shop), invoice.
CURRENT_TAIL = """
Bakehouse, Kitchen, Coffee Co, Tearoom, Cafe, Noodle Bar, Pizzeria, Chippy, Fish & Chips ; eating out ; 3-38 ; 3 ; till, table, shop
Inn, Arms, Taproom, Brewery, Ale House ; eating out ; 6-48 ; 1.1 ; till, shop
Gelato, Ice Cream, Beach Kiosk ; eating out ; 3-14 ; 0.4 ; till ; season=summer
Farm Shop, Greengrocer, Butchers, Fishmonger, Wholefoods, Cheese Shed, Village Stores ; groceries ; 4-42 ; 1.5 ; till, shop
Pottery, Craft Stall, Candles, Books, Records, Yarn, Prints, Vintage, Surf Shop ; shopping ; 5-60 ; 1.5 ; till, shop
Ceramics, Knitwear, Bookshop, Toys, Leather Goods, Tea Co ; shopping+online ; 9-75 ; 1.2 ; web
Flowers, Florist, Gift Shop ; gifts & charity ; 6-44 ; 0.46 ; till, shop ; season=christmas
Hospice Fund, Food Bank, Lifeboat Appeal, Animal Rescue ; gifts & charity+tax-deductible ; 5-40 ; 0.33 ; web, shop
Plumbing, Garden Centre, Hardware, Carpets, Upholstery, Timber, Chimney Sweeps ; home ; 9-160 ; 0.7 ; shop, till ; season=spring
Dental Care, Pharmacy, Opticians, Physio, Osteopaths, Yoga, Chiropody ; health ; 8-85 ; 0.8 ; shop, till
Soft Play, Holiday Club, Forest School, Dance Academy, Tutoring ; childcare ; 6-75 ; 0.7 ; till, web, shop
Theatre, Picture House, Mini Golf, Boat Trips, Museum, Festival ; entertainment ; 6-60 ; 0.7 ; web, shop, till ; season=summer
Taxis, Cabs, Car Park, Garage, Cycles, Ferry Crossing ; transport ; 3-80 ; 0.7 ; shop, till
B&B, Guest House, Campsite, Hotel, Holiday Cottages ; travel ; 45-260 ; 0.26 ; shop, web ; season=summer
"""

CARD_TAIL = """
Bäckerei, Café, Gasthaus, Brauhaus, Imbiss, Trattoria, Weinstube, Kaffeerösterei, Biergarten ; eating out ; 3-52 ; 3 ; till, shop
Crêperie, Bistro, Brasserie, Glacier, Bouchon ; eating out ; 6-48 ; 0.7 ; till, shop ; season=summer
Hofladen, Metzgerei, Wochenmarkt, Feinkost, Käserei, Obst & Gemüse ; groceries ; 4-38 ; 1.3 ; till, shop
Buchhandlung, Spielwaren, Töpferei, Antiquariat, Schuhhaus, Papeterie ; shopping ; 6-80 ; 1.1 ; till, shop
Studio, Atelier, Store, Wolle, Keramik, Design ; shopping+online ; 10-85 ; 1.3 ; web
Apotheke, Zahnarztpraxis, Optik, Physiotherapie, Yogaschule ; health ; 5-80 ; 0.8 ; shop, till
Gärtnerei, Möbelhaus, Eisenwaren, Malerbedarf ; home ; 8-140 ; 0.5 ; shop ; season=spring
Kino, Theater, Kletterhalle, Freibad, Museum, Jazzhaus ; entertainment ; 6-48 ; 0.7 ; shop, web
Hotel, Pension, Ferienwohnung, Auberge, Camping ; travel ; 50-320 ; 0.5 ; shop, web ; season=summer
Taxi, Parkhaus, Fahrradladen, Seilbahn ; transport ; 4-60 ; 0.6 ; shop, till
Blumen, Geschenke, Confiserie ; gifts & charity ; 6-42 ; 0.33 ; till, shop ; season=christmas
Tierschutzverein, Spendenkonto, Förderverein ; gifts & charity+tax-deductible ; 5-40 ; 0.2 ; web
Kinderturnen, Musikschule, Ferienlager ; childcare ; 10-90 ; 0.26 ; web, shop
"""

FIRM_TAIL = """
Diner, Lobster Shack, Coffee Roasters, Bagels, Taqueria, Oyster House, BBQ, Bakery ; eating out+business ; 6-78 ; 2.2 ; table, till, shop
Paper Supply, Letterpress, Print Shop, Ink & Toner, Packaging, Sign Co ; office+business+tax-deductible ; 12-240 ; 1.3 ; shop, web
Yarns, Leather Supply, Lumber, Bead Co, Fabrics ; shopping+business+tax-deductible ; 14-260 ; 0.9 ; web, till, shop
Gazette, Radio, Marketing, Billboards, Media Group, Trade Show ; advertising+business+tax-deductible ; 40-320 ; 0.7 ; invoice, shop
Law Offices, Bookkeeping, Consulting, Photography, Web Design, Notary ; professional services+business+tax-deductible ; 60-480 ; 0.9 ; invoice
Software, Analytics, Hosting, Apps, Labs ; software+subscription+online+business+tax-deductible ; 6-49 ; 0.8 ; web
Books, Brewing Co, Galleries, Inns, Outfitters, Museum Store ; income+business ; +120-1400 ; 1.2 ; client
Garage, Towing, Parking, Cab Co ; transport+business+tax-deductible ; 6-160 ; 0.4 ; shop, till
Lodge, Motel, Inn & Suites ; travel+business+tax-deductible ; 84-260 ; 0.26 ; shop
Electric, HVAC, Cleaning Svc, Locksmith ; home+business+tax-deductible ; 60-340 ; 0.33 ; shop, invoice
Food Pantry, Youth Fund, Historical Society ; gifts & charity+business+tax-deductible ; 20-120 ; 0.26 ; shop, web
"""

# How each payment way writes a name, and what it adds: a web shop is online whatever it sells.
PAYMENT_WAYS = {
    "shop": (("{name} {place}", "{name}", "{name} {place}", "{name} {suffix}"), "card"),
    "till": (("SQ *{name}", "SumUp  *{name}", "ZETTLE_*{name}", "SQ *{name} {place}", "{name} {place}"), "card"),
    "table": (("TST* {name}", "TST*{name} - {place}", "SQ *{name}"), "card"),
    "web": (("SP {name}", "PAYPAL *{name}", "WWW.{host}", "SP * {name}", "{host} {place}"), "web"),
    "invoice": (("{name}", "{name} INV <num4>", "{name} BILLPAY"), "ach"),
    "client": (("ORIG CO NAME:{name} ORIG ID:<num10> DESCR:PAYMENT", "{name} ACH PMT <num6>", "{name} INVOICE <num4>"), "credit"),
}  # fmt: skip

OWNERS_UK = (
    "Morwenna", "Jago", "Trelawny", "Penrose", "Demelza", "Tregenza", "Kerensa", "Polglaze", "Lowena", "Nancarrow",
    "Hendra", "Carlyon", "Tamsyn", "Bolitho", "Merryn", "Roskilly", "Elowen", "Chenoweth", "Hocking", "Angove",
    "Spargo", "Loveday", "Treloar", "Wenna", "Curnow", "Petroc", "Opie", "Tressa", "Vellanoweth", "Pascoe",
)  # fmt: skip
OWNERS_DE = (
    "Hirtz", "Birkenfeld", "Kesselbach", "Rotmund", "Zäpfle", "Winterhalder", "Mösle", "Lindacher", "Fehrenbach",
    "Schauinsland", "Dornröder", "Kaltenbrunn", "Ruhland", "Vögele-Mai", "Himmelsbach", "Amsler", "Tritschler",
    "Oberlin", "Grünwies", "Rehmann", "Chastagnol", "Delorme-Rey", "Vauclair", "Montbazin", "Lenzkirch", "Stöckle",
)  # fmt: skip
OWNERS_US = (
    "Quimby", "Thibodeaux", "Larkspur", "Haskell", "Merrow", "Okonedo", "Tuttle", "Penobscot", "Wescott", "Abbot",
    "Sprague", "Calloway", "Drummond", "Eastmoor", "Fogg", "Gilley", "Higgs", "Ingersoll", "Juniper", "Katahdin",
    "Littlejohn", "Moxie", "Nubble", "Orr", "Pemaquid", "Rangeley", "Sable", "Tidewater", "Umber", "Whaleback",
)  # fmt: skip
THINGS_UK = ("Blue Anchor", "Gull", "Copper Kettle", "Old Forge", "Wild Thyme", "Salt", "Harbour", "Lugger", "Tin Mine", "Heron")  # fmt: skip
THINGS_DE = ("Goldener Hirsch", "Schwarzer Adler", "Alte Mühle", "Zur Linde", "Münster", "Rebstock", "Sonnenhof", "Dreisam", "Tannen")  # fmt: skip
THINGS_US = ("Lobster Pot", "Old Port", "Blue Spruce", "Two Lights", "Foghorn", "Granite", "Paper Crane", "Moose", "Anchor")  # fmt: skip

CITIES_UK = ("FALMOUTH", "TRURO", "PENRYN", "CAMBORNE", "REDRUTH", "ST IVES", "HELSTON", "PLYMOUTH", "EXETER", "BRISTOL", "LONDON", "NEWQUAY")  # fmt: skip
CITIES_DE = ("FREIBURG", "FREIBURG IM BR", "KARLSRUHE", "OFFENBURG", "BASEL", "COLMAR", "STRASBOURG", "EMMENDINGEN", "STUTTGART", "LYON", "KÖLN")  # fmt: skip
CITIES_US = ("PORTLAND ME", "SOUTH PORTLAND ME", "BRUNSWICK ME", "FREEPORT ME", "SCARBOROUGH ME", "BOSTON MA", "BANGOR ME", "KITTERY ME")  # fmt: skip

PEOPLE_UK = ("K TREGENZA", "MISS A SPARGO", "D & L HOCKING", "Priya Nair", "T ANGOVE", "MR S OPIE", "Ewa Kowalczyk", "J CURNOW", "B OKORO", "H CHENOWETH")  # fmt: skip
PEOPLE_US = ("DANA QUIMBY", "MARCUS ORR", "Lena Haskell", "TOBIAS FOGG", "Grace Okonedo", "RUTH MERROW", "Sam Tuttle", "INES CALLOWAY")  # fmt: skip

MONTHS_EN = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTHS_DE = ("JAN", "FEB", "MÄRZ", "APR", "MAI", "JUNI", "JULI", "AUG", "SEPT", "OKT", "NOV", "DEZ")

# Letters and digits that are not mixed up with each other, as reference codes use them.
CODE_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class Bank:
    """One account: its tables, its wording and its way of writing dates."""

    name: str
    seed: int
    table: str
    tail: str
    wording: dict[str, tuple[str, ...]]
    cuts: tuple[int, ...]  # lengths at which this bank's terminals cut a merchant's name
    refunds: tuple[str, ...]
    owners: tuple[str, ...]
    things: tuple[str, ...]
    cities: tuple[str, ...]
    people: tuple[str, ...]
    months: tuple[str, ...]
    date_in_text: str
    suffix: str  # of a company in that country


CURRENT_BANK = Bank(
    name="household-current",
    seed=20250301,
    table=CURRENT,
    tail=CURRENT_TAIL,
    wording={
        "card": ("{}", "{} CD 4417", "CARD PAYMENT TO {} ON <date>", "DEBIT CARD 4417 {}", "CONTACTLESS {}", "POS PURCHASE {} <date>", "{} GB"),
        "web": ("{}", "{} CD 4417", "CARD PAYMENT TO {}", "{} GB"),
        "dd": ("DD {}", "{}", "DIRECT DEBIT PAYMENT TO {} REF <store8>", "{} <store10>"),
        "so": ("SO {}", "STANDING ORDER TO {}"),
        "in": ("{}", "FPI {}", "BACS {}", "FASTER PAYMENT RECEIVED FROM {}"),
        "out": ("FPO {}", "FASTER PAYMENT TO {}", "BILL PAYMENT TO {}", "{}"),
        "atm": ("{}", "CASH WITHDRAWAL {}", "ATM {}"),
    },
    cuts=(18, 18, 22),
    refunds=("REFUND {}", "{} REFUND", "CARD REFUND FROM {}", "{} CR"),
    owners=OWNERS_UK,
    things=THINGS_UK,
    cities=CITIES_UK,
    people=PEOPLE_UK,
    months=MONTHS_EN,
    date_in_text="%d-%m-%Y",
    suffix="LTD",
)  # fmt: skip

CARD_BANK = Bank(
    name="household-card",
    seed=20250302,
    table=CARD,
    tail=CARD_TAIL,
    wording={
        "card": ("{}", "KARTENZAHLUNG {}", "{} DE", "POS <date> {}", "{}//<num4>/DE", "{} / VISA 8830"),
        "web": ("{}", "{} INTERNET", "{} LUX", "E-COMMERCE {}"),
        "dd": ("SEPA LASTSCHRIFT {}", "SEPA-BASISLASTSCHRIFT {} MANDAT <store6>"),
        "atm": ("{}", "{} <date>"),
    },
    cuts=(22, 22, 25),
    refunds=("GUTSCHRIFT {}", "{} GUTSCHRIFT", "ERSTATTUNG {}", "RETOURE {}"),
    owners=OWNERS_DE,
    things=THINGS_DE,
    cities=CITIES_DE,
    people=PEOPLE_UK,
    months=MONTHS_DE,
    date_in_text="%d.%m.%y",
    suffix="GMBH",
)

FIRM_BANK = Bank(
    name="firm-business",
    seed=20250303,
    table=FIRM,
    tail=FIRM_TAIL,
    wording={
        "card": ("{}", "POS PURCHASE {}", "CHECKCARD <date> {}", "{} <date>", "DEBIT CARD PURCHASE {} CARD 2206", "PURCHASE AUTHORIZED ON <date> {}"),
        "web": ("{}", "RECURRING CARD 2206 {}", "{} CA <date>", "CHECKCARD <date> {}", "{} WA"),
        "ach": ("ACH DEBIT {}", "{}", "{} PPD ID: <store10>", "ACH {} WEB"),
        "credit": ("{}", "ACH CREDIT {}", "{} CCD ID: <store10>"),
    },
    cuts=(22, 25, 25),
    refunds=("PURCHASE RETURN {}", "{} REFUND", "MERCHANDISE CREDIT {}"),
    owners=OWNERS_US,
    things=THINGS_US,
    cities=CITIES_US,
    people=PEOPLE_US,
    months=MONTHS_EN,
    date_in_text="%m/%d",
    suffix="LLC",
)  # fmt: skip

TYPE_CODES = {
    "household-current": {
        "card": "DEB", "web": "DEB", "dd": "DD", "so": "SO", "in": "FPI", "out": "FPO", "atm": "CPT",
        "salary": "BGC", "xfer": "TFR", "interest": "INT", "fee": "CHG", "cheque": "CHQ", "counter": "CSH", "refund": "DEB",
    },
    "firm-business": {
        "card": "DEBIT_CARD", "web": "DEBIT_CARD", "ach": "ACH_DEBIT", "credit": "ACH_CREDIT", "deposit": "DEPOSIT", "fee": "FEE_TRANSACTION",
        "interest": "MISC_CREDIT", "xfer": "ACCT_XFER", "atm": "ATM", "check": "CHECK_PAID", "refund": "DEBIT_CARD",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One transaction; `cents` is negative for money out."""

    on: date
    description: str
    cents: int
    tags: tuple[str, ...]
    channel: str


@dataclass
class Terminal:
    """One shop's card machine or one payee: its words stay the same from visit to visit."""

    text: str
    wording: str
    case: str
    cut: int | None


@dataclass
class Source:
    """One line of a table, with the terminals met so far."""

    channel: str
    pattern: str
    choices: list[tuple[int, tuple[str, ...]]]
    low: int
    high: int
    timing: str
    season: str = "even"
    n_stores: int = 1
    first: int = 0
    last: int = N_MONTHS - 1
    terminals: list[Terminal] = field(default_factory=list)


def month_start(index: int) -> date:
    """First day of the sample's month `index`, counted from 0."""
    months = FIRST_MONTH - 1 + index
    return date(FIRST_YEAR + months // 12, months % 12 + 1, 1)


def parse_amount(text: str) -> tuple[int, int]:
    """``8-95`` → (-800, -9500) in cents; a leading ``+`` gives positive figures."""
    sign = 1 if text.startswith("+") else -1
    low, _, high = text.removeprefix("+").partition("-")
    return sign * round(float(low) * 100), sign * round(float(high or low) * 100)


def parse_tags(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """``shopping*6 / health*4`` → weighted alternatives, each in the order of `LABELS`."""
    choices = []
    for alternative in text.split(" / "):
        names, _, weight = alternative.partition("*")
        choices.append((int(weight or 1), in_order(names.strip().split("+"))))
    return choices


def in_order(names: list[str]) -> tuple[str, ...]:
    """Tags without doubles in the order of `LABELS`; an unknown name is a slip in a table."""
    order = [name for name, _, _ in LABELS]
    return tuple(sorted(set(names), key=order.index))


def parse_table(table: str) -> list[Source]:
    """Read a table of the form told in the module's docstring."""
    sources: list[Source] = []
    channel = ""
    for line in table.strip().splitlines():
        if line.startswith("["):
            channel = line.strip("[]")
            continue
        pattern, tags, amount, timing, *rest = (part.strip() for part in line.split(" ; "))
        options = dict(part.split("=") for part in rest[0].split()) if rest else {}
        low, high = parse_amount(amount)
        sources.append(
            Source(
                channel,
                pattern,
                parse_tags(tags),
                low,
                high,
                timing,
                season=options.get("season", "even"),
                n_stores=int(options.get("stores", 1)),
                first=int(options.get("from", 0)),
                last=int(options.get("until", N_MONTHS - 1)),
            )
        )
    return sources


class Teller:
    """Writes one account's rows, all chance coming from one generator."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.rng = Random(bank.seed)
        self.rows: list[Row] = []
        self.names: set[str] = set()

    def write(self) -> list[Row]:
        """All rows of the account, in the order of their dates."""
        sources = parse_table(self.bank.table)
        trades = [line.split(" ; ") for line in self.bank.tail.strip().splitlines()]
        for month in range(N_MONTHS):
            for source in sources:
                if source.first <= month <= source.last:
                    for on in self.days(source.timing, source.season, month):
                        self.visit(source, on)
            for trade in trades:
                self.long_tail(trade, month)
        end = month_start(N_MONTHS)
        return sorted((row for row in self.rows if row.on < end), key=lambda row: row.on)

    def days(self, timing: str, season: str, month: int) -> Iterator[date]:
        """The days of `month` on which something with this timing happens."""
        start = month_start(month)
        n_days = calendar.monthrange(start.year, start.month)[1]
        if timing.startswith("@"):
            day, _, cycle = timing[1:].partition("/")
            every, _, offset = (cycle or "1+0").partition("+")
            if month % int(every) == int(offset) % int(every):
                yield working_day(start.replace(day=min(int(day), n_days)))
            return
        expected = float(timing) * SEASONS[season][start.month - 1]
        # Spread around the expectation: as many tries as twice the figure, each with an even chance.
        tries = int(2 * expected) + 1
        for _ in range(tries):
            if self.rng.random() < expected / tries:
                yield start + timedelta(days=self.rng.randrange(n_days))

    def visit(self, source: Source, on: date) -> None:
        """One transaction of a table's line, and now and then what is sent back of it."""
        terminal = self.terminal(source)
        tags = self.weighted(source.choices)
        self.add(
            on, self.describe(terminal, on, source.channel), self.amount(source.low, source.high), tags, source.channel
        )
        returnable = source.channel == "web" and {"shopping", "home", "travel"} & set(tags)
        if returnable and self.rng.random() < 0.15:
            self.refund(terminal, on, tags)

    def refund(self, terminal: Terminal, on: date, tags: tuple[str, ...]) -> None:
        """The row added last comes back in full some days later."""
        back_on = working_day(on + timedelta(days=self.rng.randrange(4, 22)))
        text = self.fresh(terminal.text, back_on)[: terminal.cut]
        description = self.rng.choice(self.bank.refunds).format(text)
        kept = [tag for tag in tags if tag not in ("subscription", "tax-deductible")]
        self.add(back_on, description, -self.rows[-1].cents, in_order([*kept, "refund"]), "refund")

    def long_tail(self, trade: list[str], month: int) -> None:
        """One month's finds of a trade, each with the few visits that follow it."""
        kinds, tags, amount, timing, ways, *rest = (part.strip() for part in trade)
        low, high = parse_amount(amount)
        for on in self.days(timing, rest[0].removeprefix("season=") if rest else "even", month):
            way = self.rng.choice(ways.split(", "))
            patterns, channel = PAYMENT_WAYS[way]
            text = self.invented(self.rng.choice(kinds.split(", ")), self.rng.choice(patterns))
            names = tags.split("+") + (["online"] if way == "web" else [])
            terminal = self.new_terminal(text, channel if channel in self.bank.wording else "card")
            # A place found by chance is sometimes liked and visited again.
            n_visits = self.rng.choice((1, 1, 1, 1, 2, 2, 3, 4))
            for _ in range(n_visits):
                self.add(on, self.describe(terminal, on, channel), self.amount(low, high), in_order(names), channel)
                pause = 30 if "subscription" in names else self.rng.randrange(6, 130)
                on += timedelta(days=pause)  # noqa: PLW2901 - the next visit of the same place

    def invented(self, kind: str, pattern: str) -> str:
        """A business that exists nowhere, under a name not used before on this account."""
        bank, rng = self.bank, self.rng
        while True:
            owner, thing, place = rng.choice(bank.owners), rng.choice(bank.things), rng.choice(bank.cities)
            other = rng.choice(bank.owners)
            shape = rng.choice(
                ("{o}'s {k}", "{t} {k}", "{o} {k}", "The {t} {k}", "{o} & {p} {k}", "{k} {o}", "{t} {k}")
            )
            name = shape.format(o=owner, p=other, t=thing, k=kind)
            if name not in self.names:
                self.names.add(name)
                break
        host = re.sub(r"[^a-z]", "", ascii_letters(name.casefold())) + rng.choice((".com", ".shop", ".net"))
        return pattern.format(name=name, place=place, host=host, suffix=bank.suffix)

    def terminal(self, source: Source) -> Terminal:
        """Of a chain one knows a few branches, the first ones best; now and then one stops at another."""
        fresh_branch = source.n_stores > 1 and self.rng.random() < 0.06
        if len(source.terminals) < source.n_stores or fresh_branch:
            source.terminals.append(self.new_terminal(source.pattern, source.channel))
            return source.terminals[-1]
        draw = self.rng.random()
        return source.terminals[int(draw * draw * len(source.terminals))]

    def new_terminal(self, pattern: str, channel: str) -> Terminal:
        """Draw what stays the same at one place: branch, wording, case and where the name is cut."""
        rng = self.rng

        def settle(match: re.Match[str]) -> str:
            kind, digits = match.group(1), match.group(2)
            return rng.choice(self.bank.cities) if kind == "city" else self.digits(int(digits))

        text = re.sub(r"<(city|store)(\d*)>", settle, pattern).replace("<semi>", ";")
        wordings = self.bank.wording.get(channel, ("{}",))
        draw = rng.random()  # the bare name is what most terminals send
        wording = re.sub(r"<(store)(\d+)>", settle, wordings[int(draw * draw * len(wordings))])
        cards = channel in ("card", "web")
        case = rng.choice(("as is", "as is", "as is", "upper", "upper", "title", "lower")) if cards else "as is"
        cut = rng.choice((None, None, *self.bank.cuts)) if cards else None
        return Terminal(text, wording, case, cut)

    def describe(self, terminal: Terminal, on: date, channel: str) -> str:
        """The bank's text for one visit."""
        text = self.fresh(terminal.text, on)
        if terminal.case == "upper":
            text = text.upper()
        elif terminal.case == "title":
            text = text.title()
        elif terminal.case == "lower":
            text = text.lower()
        text = text[: terminal.cut].rstrip()
        wording = terminal.wording
        if channel in ("card", "web") and self.rng.random() < 0.06:
            wording = self.rng.choice(self.bank.wording[channel])
        return self.fresh(wording.format(text), on)

    def fresh(self, text: str, on: date) -> str:
        """Fill in what differs from row to row."""

        def fill(match: re.Match[str]) -> str:
            kind, width = match.group(1), int(match.group(2) or 0)
            if kind == "date":
                return (on - timedelta(days=self.rng.randrange(3))).strftime(self.bank.date_in_text)
            if kind == "mon":
                return self.bank.months[on.month - 1]
            if kind == "person":
                return self.rng.choice(self.bank.people)
            if kind == "check":
                return str(1041 + (on - month_start(0)).days)  # a checkbook's numbers rise
            if kind == "num":
                return self.digits(width)
            return "".join(self.rng.choice(CODE_LETTERS) for _ in range(width))

        return re.sub(r"<(date|mon|person|check|num|ref)(\d*)>", fill, text)

    def digits(self, width: int) -> str:
        return str(self.rng.randrange(10**width)).zfill(width)

    def amount(self, low: int, high: int) -> int:
        """Cents between the two, small ones likelier, as in a till's day."""
        return low + int((high - low) * self.rng.random() * (self.rng.random() + self.rng.random()) / 2)

    def weighted(self, choices: list[tuple[int, tuple[str, ...]]]) -> tuple[str, ...]:
        draw = self.rng.randrange(sum(weight for weight, _ in choices))
        for weight, tags in choices:
            draw -= weight
            if draw < 0:
                return tags
        raise AssertionError("the draw is below the sum of the weights")

    def add(self, on: date, description: str, cents: int, tags: tuple[str, ...], channel: str) -> None:
        if channel == "atm":
            cents = min(-2000, cents - cents % -1000)  # machines give notes
        self.rows.append(Row(on, description, cents, tags, channel))


def ascii_letters(text: str) -> str:
    """Umlauts as a host name writes them."""
    for letter, plain in zip("äöüéèêç", ("ae", "oe", "ue", "e", "e", "e", "c"), strict=True):
        text = text.replace(letter, plain)
    return text


def working_day(on: date) -> date:
    """`on`, or the Friday before a weekend; the Monday after it where the Friday lies in another month."""
    before = on - timedelta(days=max(0, on.weekday() - 4))
    return before if before.month == on.month else before + timedelta(days=3)


def settle_card(card: list[Row], current: list[Row]) -> None:
    """Add the monthly payment of the card to both accounts, so that the two agree."""
    for month in range(1, N_MONTHS):
        start, end = month_start(month - 1), month_start(month)
        spent = -sum(row.cents for row in card if start <= row.on < end)
        on = working_day(end.replace(day=20))
        wording = ("ZAHLUNG ERHALTEN - DANKE", "EINZUG KARTENABRECHNUNG VOM GIROKONTO")[month % 5 == 0]
        card.append(Row(on, wording, spent, ("recurring", "transfer"), "bank"))
        pence = spent * 86 // 100  # one rate for all months keeps the arithmetic visible
        current.append(
            Row(
                on, f"DD NORDKARTE CREDIT CARD 8830 {MONTHS_EN[end.month - 1]}", -pence, ("recurring", "transfer"), "dd"
            )
        )
    card.sort(key=lambda row: row.on)
    current.sort(key=lambda row: row.on)


def tags_cell(row: Row) -> str:
    """The tags column: filled for the months the household has sorted, empty afterwards."""
    return "|".join(row.tags) if row.on < month_start(N_SORTED_MONTHS) else ""


def money(cents: int) -> str:
    """-289500 → ``-2895.00``."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def european(cents: int) -> str:
    """-289500 → ``-2.895,00``."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100:,}".replace(",", ".") + f",{abs(cents) % 100:02d}"


def with_balances(rows: list[Row], opening: int) -> list[tuple[Row, int]]:
    """Each row, oldest first, with the balance after it in cents."""
    balance = opening
    out = []
    for row in rows:
        balance += row.cents
        out.append((row, balance))
    return out


def current_statement(rows: list[Row]) -> tuple[list[list[str]], list[Row]]:
    """Debit and credit columns, oldest first, under two lines about the account."""
    table = [
        ["Account Name:", "MR R PENHALE & MRS J PENHALE"],
        ["Account Number:", "XXXX4417"],
        ["Date", "Type", "Description", "Paid out", "Paid in", "Balance", "tags"],
    ]
    codes = TYPE_CODES["household-current"]
    for row, balance in with_balances(rows, 284_310):
        paid_out, paid_in = (money(-row.cents), "") if row.cents < 0 else ("", money(row.cents))
        on = row.on.strftime("%d/%m/%Y")
        table.append([on, codes[row.channel], row.description, paid_out, paid_in, money(balance), tags_cell(row)])
    return table, rows


def card_statement(rows: list[Row]) -> tuple[list[list[str]], list[Row]]:
    """One signed column with decimal comma, oldest first."""
    table = [["Buchungstag", "Verwendungszweck", "Betrag", "Währung", "tags"]]
    table += [[row.on.isoformat(), row.description, european(row.cents), "EUR", tags_cell(row)] for row in rows]
    return table, rows


def firm_statement(rows: list[Row]) -> tuple[list[list[str]], list[Row]]:
    """One signed column, newest first, with the numbers of checks."""
    table = [["Posting Date", "Description", "Amount", "Type", "Balance", "Check or Slip #", "tags"]]
    newest_first = with_balances(rows, 1_162_044)[::-1]
    codes = TYPE_CODES["firm-business"]
    for row, balance in newest_first:
        slip = row.description.removeprefix("CHECK ") if row.channel == "check" else ""
        on = row.on.strftime("%m/%d/%Y")
        table.append([on, row.description, money(row.cents), codes[row.channel], money(balance), slip, tags_cell(row)])
    return table, [row for row, _ in newest_first]


def to_csv(table: list[list[str]], delimiter: str = ",") -> str:
    """The table as text; cells are quoted only where they must be, as banks do."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(table)
    return out.getvalue()


def generate(folder: Path) -> int:
    """Write statements/, truth.csv and labels.json into `folder`; the number of transactions is returned."""
    current, card, firm = (Teller(bank).write() for bank in (CURRENT_BANK, CARD_BANK, FIRM_BANK))
    settle_card(card, current)
    (folder / "statements").mkdir(parents=True, exist_ok=True)

    truth = [["file", "line", "tags"]]
    for bank, (table, rows), delimiter, encoding in (
        (CURRENT_BANK, current_statement(current), ",", "utf-8"),
        (CARD_BANK, card_statement(card), ";", "utf-8-sig"),
        (FIRM_BANK, firm_statement(firm), ",", "utf-8"),
    ):
        file_name = f"{bank.name}.csv"
        (folder / "statements" / file_name).write_bytes(to_csv(table, delimiter).encode(encoding))
        n_lines_above = len(table) - len(rows)
        truth += [[file_name, str(line), "|".join(row.tags)] for line, row in enumerate(rows, start=n_lines_above + 1)]
    (folder / "truth.csv").write_bytes(to_csv(truth).encode())

    labels = [{"name": name, "definition": definition, "color": color} for name, definition, color in LABELS]
    (folder / "labels.json").write_bytes((json.dumps(labels, indent=2, ensure_ascii=False) + "\n").encode())
    return len(truth) - 1


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    print(f"{generate(target)} transactions written to {target}")
